//! The built-in agent on a scripted model: the recorded cases of the reference runtime, and what we do differently.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]
#![cfg(feature = "lifecycle")]

#[path = "built_in/approvals.rs"]
mod approvals;
#[path = "built_in/kit.rs"]
mod kit;
#[path = "built_in/loop_cases.rs"]
mod loop_cases;
#[path = "built_in/options.rs"]
mod options;
#[path = "built_in/recorded.rs"]
mod recorded;
