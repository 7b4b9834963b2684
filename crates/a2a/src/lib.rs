//! A2A agents: remote ones as AG-UI agents, several of them behind an orchestrator, and ours for others.
//!
//! Both versions of A2A that are in use are spoken, 1.0 and 0.3, and one set of [`types`] serves both.
//!
//! ```
//! use copilotkit_a2a::types::{Event, TaskState};
//!
//! let new = r#"{"statusUpdate":{"taskId":"t","status":{"state":"TASK_STATE_WORKING"}}}"#;
//! let old = r#"{"kind":"status-update","taskId":"t","status":{"state":"working"},"final":false}"#;
//! for text in [new, old] {
//!     let Event::Status(update) = serde_json::from_str(text)? else { panic!("another event") };
//!     assert_eq!(update.status.state, TaskState::Working);
//! }
//! # Ok::<(), serde_json::Error>(())
//! ```

mod a2ui;
mod agent;
mod agent_input;
mod card;
pub mod client;
mod converse;
mod error;
mod fold;
mod guard;
mod interrupt;
pub mod limits;
mod memory;
mod orchestrator;
#[cfg(feature = "server")]
pub mod server;
mod show;
pub mod types;
pub mod wire;

pub use agent::A2aAgent;
pub use client::{A2aClient, Caller};
pub use error::A2aError;
pub use interrupt::{AUTH_REQUIRED, INPUT_REQUIRED};
pub use orchestrator::{A2aOrchestrator, Member, OnQuestion, Placement, SEND_TOOL};

pub(crate) use agent::TASK_ACTIVITY;
