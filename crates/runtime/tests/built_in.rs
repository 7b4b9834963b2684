//! The built-in agent on a scripted model: the recorded cases of the reference runtime, and what we do differently.
#![cfg(feature = "lifecycle")]

#[path = "built_in/kit.rs"]
mod kit;
#[path = "built_in/loop_cases.rs"]
mod loop_cases;
#[path = "built_in/recorded.rs"]
mod recorded;
