//! `copilotkit`: the CopilotKit runtime as one binary. This library holds what the binary does, so that other programs
//! and tests can use it.

pub mod args;
mod banner;
pub mod config;
pub mod serve;
pub mod threads;
pub mod wiring;
