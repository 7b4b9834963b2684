//! A2A's objects, the same for every version of the protocol.
//!
//! `Serialize` writes the JSON of A2A 1.0, [`wire::V03`](crate::wire::V03) that of 0.3. `Deserialize` takes both, and
//! what real servers make of them: absent or `null` lists, empty strings for absent ones, unknown words in enums,
//! members that nobody knows.

mod card;
mod event;
mod lenient;
mod message;
mod push;
mod request;
mod security;
mod task;

pub use card::{AgentCard, AgentSkill, Binding, Capabilities, Extension, Interface, Provider};
pub use event::{Event, Reply};
pub use message::{Message, Part, PartContent, Role};
pub use push::{DeletePushRequest, GetPushRequest, ListPushRequest, ListPushResponse, PushAuthentication, PushConfig};
pub use request::{
    CancelTaskRequest, GetTaskRequest, ListTasksRequest, ListTasksResponse, SendConfiguration, SendMessageRequest,
    SubscribeToTaskRequest,
};
pub use security::{KeyLocation, SecurityRequirement, SecurityScheme};
pub use task::{Artifact, ArtifactUpdate, StatusUpdate, Task, TaskState, TaskStatus};

pub(crate) use event::read_event;
