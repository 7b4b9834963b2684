//! Tools that come with the runtime.

mod function;
mod interrupt;
#[cfg(feature = "client")]
mod http;

pub use function::FnTool;
pub use interrupt::InterruptTool;
#[cfg(feature = "client")]
pub use http::{HttpTool, HttpToolBuilder};
