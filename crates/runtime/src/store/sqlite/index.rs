//! The list of threads, and their blobs.

use super::jobs::{Delete, SetBlob, Update};
use super::{SqliteStore, reads};
use crate::store::{
    ListCursor, ListThreads, StoreError, ThreadBlobs, ThreadIndex, ThreadKey, ThreadPage, ThreadRecord, ThreadUpdate,
};
use async_trait::async_trait;
use bytes::Bytes;

#[async_trait]
impl ThreadIndex for SqliteStore {
    async fn list(&self, request: ListThreads) -> Result<ThreadPage, StoreError> {
        let cursor = request.cursor.as_deref().map(str::parse::<ListCursor>).transpose()?;
        Ok(self.inner.readers.read(move |connection| reads::list(connection, &request, cursor)).await?)
    }

    async fn get(&self, thread: &ThreadKey) -> Result<Option<ThreadRecord>, StoreError> {
        let key = thread.clone();
        Ok(self.inner.readers.read(move |connection| reads::get(connection, &key)).await?)
    }

    async fn update(&self, thread: &ThreadKey, update: ThreadUpdate) -> Result<Option<ThreadRecord>, StoreError> {
        let key = thread.clone();
        self.ask(|reply| Box::new(Update::new(key, update, reply))).await
    }

    async fn delete(&self, thread: &ThreadKey) -> Result<bool, StoreError> {
        let slot = self.inner.slots.get_or_make(thread);
        let deleted = self.ask(|reply| Box::new(Delete::new(slot, None, reply))).await;
        self.inner.replays.forget(thread);
        deleted
    }
}

#[async_trait]
impl ThreadBlobs for SqliteStore {
    async fn blob(&self, thread: &ThreadKey, key: &str) -> Result<Option<Bytes>, StoreError> {
        let (thread, key) = (thread.clone(), key.to_owned());
        Ok(self.inner.readers.read(move |connection| reads::blob(connection, &thread, &key)).await?)
    }

    async fn set_blob(&self, thread: &ThreadKey, key: &str, value: Option<Bytes>) -> Result<(), StoreError> {
        let (thread, key) = (thread.clone(), key.to_owned());
        self.ask(|reply| Box::new(SetBlob::new(thread, key, value, reply))).await
    }
}
