//! Old threads go.

use super::jobs::{Delete, millis};
use super::{SqliteStore, upkeep};
use crate::store::retention::Excess;
use crate::store::{Retention, RetentionPolicy, StoreError, ThreadKey};
use async_trait::async_trait;

/// Threads that are looked at, and deleted, at once.
const BATCH: u64 = 256;

struct Candidate {
    key: ThreadKey,
    updated_at: u64,
    bytes: u64,
}

#[async_trait]
impl Retention for SqliteStore {
    async fn prune(&self, policy: &RetentionPolicy) -> Result<usize, StoreError> {
        if policy.keeps_all() {
            return Ok(0);
        }
        let counted = self.inner.readers.read(|connection| {
            let sql = "SELECT count(*), coalesce(sum(bytes), 0) FROM threads";
            Ok(connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
        });
        let (threads, bytes) = counted.await?;
        let mut excess = Excess::new(*policy, threads, bytes, millis());
        let mut gone = 0;
        loop {
            let oldest = self.oldest().await?;
            let mut deletions = Vec::new();
            for candidate in oldest {
                if !excess.takes(candidate.updated_at) {
                    break;
                }
                excess.gone(candidate.bytes);
                self.inner.replays.forget(&candidate.key);
                let slot = self.inner.slots.get_or_make(&candidate.key);
                let since = candidate.updated_at;
                deletions.push(self.ask(move |reply| Box::new(Delete::new(slot, Some(since), reply))));
            }
            let mut deleted = 0;
            for deletion in futures::future::join_all(deletions).await {
                match deletion {
                    // It was used, or deleted, in between.
                    Ok(false) | Err(StoreError::Busy) => {}
                    Ok(true) => deleted += 1,
                    Err(error) => return Err(error),
                }
            }
            gone += deleted;
            if deleted == 0 {
                break;
            }
        }
        if gone > 0 {
            upkeep::shrink(&self.inner).await?;
        }
        Ok(gone)
    }
}

impl SqliteStore {
    /// The threads without a live run that were not used for longest.
    async fn oldest(&self) -> Result<Vec<Candidate>, StoreError> {
        let read = self.inner.readers.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT principal, id, updated_at, bytes FROM threads WHERE NOT EXISTS
                (SELECT 1 FROM runs WHERE runs.thread = threads.thread AND runs.end_seq IS NULL)
                ORDER BY updated_at LIMIT ?1",
            )?;
            let rows = statement.query_map([BATCH], |row| {
                let principal = crate::Principal::new(row.get::<_, String>(0)?);
                let key = ThreadKey::new(&principal, row.get::<_, String>(1)?);
                Ok(Candidate { key, updated_at: row.get(2)?, bytes: row.get(3)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        });
        Ok(read.await?)
    }
}
