//! Our agents over A2A, on the real surface and on a port: both bindings, every call, and what others may not see.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

#[path = "server/calls.rs"]
mod calls;
#[path = "server/cards.rs"]
mod cards;
#[path = "server/clients.rs"]
mod clients;
#[path = "server/guards.rs"]
mod guards;
#[path = "server/kit.rs"]
mod kit;
#[path = "kit/page.rs"]
#[allow(dead_code, reason = "shared between tests")]
mod page;
#[path = "server/questions.rs"]
mod questions;
#[path = "server/threads.rs"]
mod threads;
