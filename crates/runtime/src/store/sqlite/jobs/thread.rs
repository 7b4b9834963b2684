//! Changes of a thread that no run makes.

use super::{Reply, answer};
use crate::store::sqlite::fault::Fault;
use crate::store::sqlite::reads::{self, RECORD, record, row_of};
use crate::store::sqlite::slots::{Slot, State};
use crate::store::sqlite::writer::{Inbox, Job};
use crate::store::{StoreError, ThreadKey, ThreadRecord, ThreadUpdate};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::sync::Arc;

/// Renames or archives.
pub(in crate::store::sqlite) struct Update {
    key: ThreadKey,
    update: ThreadUpdate,
    found: Option<Result<Option<ThreadRecord>, StoreError>>,
    reply: Reply<Option<ThreadRecord>>,
}

impl Update {
    pub(in crate::store::sqlite) fn new(
        key: ThreadKey,
        update: ThreadUpdate,
        reply: Reply<Option<ThreadRecord>>,
    ) -> Self {
        Self { key, update, found: None, reply }
    }
}

impl Job for Update {
    fn is_durable(&self) -> bool {
        true
    }

    fn write(&mut self, connection: &Connection) -> Result<(), Fault> {
        let ThreadUpdate { name, archived, if_name } = &self.update;
        let sql = format!(
            "UPDATE threads SET name = CASE WHEN ?3 THEN ?4 ELSE name END, archived = coalesce(?5, archived)
            WHERE principal = ?1 AND id = ?2 AND (NOT ?6 OR name IS ?7) RETURNING {RECORD}"
        );
        let (principal, id) = (&*self.key.principal, &*self.key.thread_id);
        let text = |name: &Option<Option<String>>| name.clone().flatten();
        let values = params![principal, id, name.is_some(), text(name), archived, if_name.is_some(), text(if_name)];
        let found = connection.prepare_cached(&sql)?.query_row(values, record).optional()?;
        let found = if found.is_none() && if_name.is_some() { reads::get(connection, &self.key)? } else { found };
        self.found = Some(Ok(found));
        Ok(())
    }

    fn end(self: Box<Self>, outcome: Result<(), Fault>, _inbox: &Inbox) {
        answer(self.reply, outcome, self.found);
    }
}

/// Takes the rows of a thread out of every table.
pub(in crate::store::sqlite) fn delete_rows(connection: &Connection, row: i64) -> Result<(), Fault> {
    for sql in [
        "DELETE FROM chunks WHERE run IN (SELECT run FROM runs WHERE thread = ?1)",
        "DELETE FROM attachment_uses WHERE run IN (SELECT run FROM runs WHERE thread = ?1)",
        "DELETE FROM attachments WHERE thread = ?1",
        "DELETE FROM runs WHERE thread = ?1",
        "DELETE FROM messages WHERE thread = ?1",
        "DELETE FROM blobs WHERE thread = ?1",
        "DELETE FROM threads WHERE thread = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([row])?;
    }
    Ok(())
}

/// Deletes a thread with all that belongs to it.
pub(in crate::store::sqlite) struct Delete {
    slot: Arc<Slot>,
    /// Only if it was not used since then.
    unused_since: Option<u64>,
    found: Option<Result<bool, StoreError>>,
    reply: Reply<bool>,
}

impl Delete {
    pub(in crate::store::sqlite) fn new(slot: Arc<Slot>, unused_since: Option<u64>, reply: Reply<bool>) -> Self {
        Self { slot, unused_since, found: None, reply }
    }
}

impl Job for Delete {
    fn slot(&self) -> Option<&Arc<Slot>> {
        Some(&self.slot)
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn write(&mut self, connection: &Connection) -> Result<(), Fault> {
        let held = self.slot.with(|state| state.live.as_ref().is_some_and(|live| live.is_held()));
        if held {
            self.found = Some(Err(StoreError::Busy));
            return Ok(());
        }
        self.found = Some(Ok(false));
        let Some((row, used)) = row_of(connection, &self.slot.key)? else { return Ok(()) };
        if self.unused_since.is_some_and(|since| used > since) {
            return Ok(());
        }
        delete_rows(connection, row)?;
        self.found = Some(Ok(true));
        Ok(())
    }

    fn end(self: Box<Self>, outcome: Result<(), Fault>, _inbox: &Inbox) {
        if outcome.is_ok() && matches!(self.found, Some(Ok(true))) {
            self.slot.with(State::forget);
        }
        answer(self.reply, outcome, self.found);
    }
}

/// Sets or removes a blob.
pub(in crate::store::sqlite) struct SetBlob {
    key: ThreadKey,
    name: String,
    value: Option<Bytes>,
    found: Option<Result<(), StoreError>>,
    reply: Reply<()>,
}

impl SetBlob {
    pub(in crate::store::sqlite) fn new(key: ThreadKey, name: String, value: Option<Bytes>, reply: Reply<()>) -> Self {
        Self { key, name, value, found: None, reply }
    }
}

impl Job for SetBlob {
    fn is_durable(&self) -> bool {
        true
    }

    fn write(&mut self, connection: &Connection) -> Result<(), Fault> {
        let Some((row, _)) = row_of(connection, &self.key)? else {
            self.found = Some(Err(StoreError::NotFound));
            return Ok(());
        };
        match &self.value {
            Some(value) => connection
                .prepare_cached("INSERT OR REPLACE INTO blobs (thread, name, value) VALUES (?1, ?2, ?3)")?
                .execute(params![row, self.name, &value[..]])?,
            None => connection
                .prepare_cached("DELETE FROM blobs WHERE thread = ?1 AND name = ?2")?
                .execute(params![row, self.name])?,
        };
        self.found = Some(Ok(()));
        Ok(())
    }

    fn end(self: Box<Self>, outcome: Result<(), Fault>, _inbox: &Inbox) {
        answer(self.reply, outcome, self.found);
    }
}
