//! `copilotkit`: the CopilotKit runtime as one binary. This library holds what the binary does, so that other programs
//! and tests can use it.

pub mod a2a;
pub mod args;
mod banner;
pub mod config;
pub mod serve;
pub mod threads;
pub mod wiring;

/// The code of this page is compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/library.md")]
mod library {}
