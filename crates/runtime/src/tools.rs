//! Tools that come with the runtime.

mod function;

pub use function::FnTool;
