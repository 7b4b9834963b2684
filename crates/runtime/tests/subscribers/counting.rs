//! A store as one on a disk or behind a network is: it counts who asks for its log, and keeps nothing ready to send.

use async_trait::async_trait;
use copilotkit_fixtures::store::{Asked, Before, Behind};
use copilotkit_runtime::store::{ReadLog, RunLog as _, StoreError, ThreadKey};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

pub(crate) type Counting = Behind<Counts>;

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) reads: AtomicUsize,
    pub(crate) follows: AtomicUsize,
    /// Set, frames are a moment on their way into the log.
    pub(crate) slow: AtomicBool,
    /// Set, the end of a run cannot be stored.
    pub(crate) endless: AtomicBool,
}

#[async_trait]
impl Before for Counts {
    async fn before(&self, asked: Asked<'_>) -> Result<(), StoreError> {
        match asked {
            Asked::Append | Asked::Finish => {
                if self.slow.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
                if matches!(asked, Asked::Finish) && self.endless.load(Ordering::Relaxed) {
                    return Err(StoreError::Full("for the test".to_owned()));
                }
            }
            Asked::Read(_) => {
                self.reads.fetch_add(1, Ordering::Relaxed);
                // A reader that waits for a disk lets others run.
                tokio::task::yield_now().await;
            }
            Asked::Follow => {
                self.follows.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The number that the thread's next frame will have.
pub(crate) async fn head(store: &Counting, thread: &ThreadKey) -> u64 {
    let probe = ReadLog { thread: thread.clone(), from: 0, compact_until: 0, max_bytes: 0 };
    store.inner.read(probe).await.unwrap().head
}
