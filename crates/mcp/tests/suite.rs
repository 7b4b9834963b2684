//! Servers that behave, servers that do not, and real ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

#[path = "suite/agent.rs"]
mod agent;
#[path = "suite/apps.rs"]
mod apps;
#[path = "suite/aside.rs"]
mod aside;
#[path = "suite/fake.rs"]
mod fake;
#[path = "suite/faults.rs"]
mod faults;
#[path = "suite/pool.rs"]
mod pool;
#[cfg(unix)]
#[path = "suite/questions.rs"]
mod questions;
#[path = "suite/real.rs"]
mod real;
