//! `copilotkit`: the CopilotKit runtime as one binary. This library holds what the binary does, so that other programs
//! and tests can use it.

pub mod a2a;
pub mod args;
mod banner;
pub mod chat;
pub mod check;
pub mod config;
pub mod health;
pub mod init;
mod listening;
pub mod mcp;
pub mod playground;
mod reload;
mod say;
pub mod serve;
pub mod telemetry;
mod terminal;
pub mod threads;
mod warnings;
pub mod wiring;

/// The code of this page is compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/library.md")]
mod library {}

/// The code of this page is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/observability.md")]
mod observability {}

/// The code of this page is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/security.md")]
mod security {}
