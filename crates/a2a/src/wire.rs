//! How calls and answers are written: the methods of both versions, JSON-RPC, errors, and the JSON of A2A 0.3.

mod error;
mod method;
mod rpc;
mod v03;

pub use error::{ErrorKind, ProtocolError};
pub use method::{Call, Method, ProtocolVersion};
pub use rpc::{RpcId, RpcRequest, RpcResponse};
pub use v03::V03;
