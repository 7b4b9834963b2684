//! Connections that read, on threads for blocking work: a slow disk must not hold up a worker of the async runtime.

use super::fault::Fault;
use super::schema;
use super::slots::lock;
use super::writer::PATIENCE;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, count: usize) -> Self {
        Self { path, idle: Mutex::default(), places: Arc::new(Semaphore::new(count.max(1))) }
    }

    /// Reads as soon as a connection is free. The work goes on when the caller goes away.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let place = tokio::time::timeout(PATIENCE, self.places.clone().acquire_owned()).await;
        // The semaphore is never closed.
        let Ok(Ok(place)) = place else { return Err(Fault::Silent("the thread store is too busy")) };
        let readers = self.clone();
        let working = tokio::task::spawn_blocking(move || {
            let result = readers.read_here(work);
            drop(place);
            result
        });
        working.await.unwrap_or(Err(Fault::Silent("the thread store could not be read")))
    }

    /// Reads on this thread.
    pub(super) fn read_here<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let idle = lock(&self.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open_reader(&self.path)?,
        };
        // One transaction: what is read fits together.
        let transaction = connection.unchecked_transaction()?;
        let result = work(&transaction);
        let ended = transaction.finish();
        // A connection with a fault may keep it.
        if result.is_ok() && ended.is_ok() {
            lock(&self.idle).push(connection);
        }
        result
    }
}
