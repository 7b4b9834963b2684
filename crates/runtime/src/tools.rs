//! Tools that come with the runtime.

mod function;
#[cfg(feature = "client")]
mod http;
mod interrupt;

pub use function::FnTool;
#[cfg(feature = "client")]
pub use http::{HttpTool, HttpToolBuilder};
pub use interrupt::InterruptTool;
