//! OpenAI Chat Completions and every service compatible with it.

mod chunk;
mod codec;
mod details;
mod parts;
mod request;
mod think;
mod tracker;

pub use crate::profile::Profile;
pub use crate::service::RETRIES;
pub use codec::ChatCodec;
pub use request::body;
