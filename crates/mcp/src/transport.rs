//! How messages go to a server and come back.

pub(crate) mod http;
pub(crate) mod sse;
pub(crate) mod stdio;
