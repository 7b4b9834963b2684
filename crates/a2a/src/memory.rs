//! What is remembered of a thread between its runs, in the thread's own store.

use bytes::Bytes;
use copilotkit_runtime::RunContext;
use copilotkit_runtime::store::{StoreError, ThreadBlobs, ThreadKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is known of the conversation with one agent in one thread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Contact {
    /// The conversation, as the agent calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context_id: Option<String>,
    /// The task that waits for an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) waiting_task: Option<String>,
    /// The interrupt that asks for that answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) interrupt_id: Option<String>,
    /// The last message of the thread that was sent to the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_message: Option<String>,
    /// Surfaces that the thread shows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) surfaces: Vec<String>,
}

/// The blob of one agent in the thread of a run.
#[derive(Clone)]
pub(crate) struct Memory {
    blobs: Option<Arc<dyn ThreadBlobs>>,
    thread: ThreadKey,
    key: String,
}

impl Memory {
    pub(crate) fn of(blobs: Option<&Arc<dyn ThreadBlobs>>, context: &RunContext) -> Self {
        Self {
            blobs: blobs.cloned(),
            thread: ThreadKey::new(&context.principal, context.input.thread_id.as_str()),
            key: format!("a2a:{}", context.agent_id),
        }
    }

    /// What was remembered; the default where it is nothing, or cannot be read.
    pub(crate) async fn load<T: DeserializeOwned + Default>(&self) -> T {
        let Some(blobs) = &self.blobs else { return T::default() };
        match blobs.blob(&self.thread, &self.key).await {
            Ok(Some(bytes)) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, key = self.key, "what was remembered of an A2A agent cannot be read");
                T::default()
            }),
            Ok(None) => T::default(),
            Err(error) => {
                tracing::warn!(%error, key = self.key, "what is remembered of an A2A agent could not be loaded");
                T::default()
            }
        }
    }

    /// Remembers it. A run must not fail for it: at worst the agent is met as a stranger next time.
    pub(crate) async fn save<T: Serialize>(&self, value: &T) {
        let Some(blobs) = &self.blobs else { return };
        let bytes = Bytes::from(copilotkit_protocol::to_vec(value));
        match blobs.set_blob(&self.thread, &self.key, Some(bytes)).await {
            // A suggestion's thread is in no store.
            Ok(()) | Err(StoreError::NotFound) => {}
            Err(error) => tracing::warn!(%error, key = self.key, "an A2A agent could not be remembered"),
        }
    }
}
