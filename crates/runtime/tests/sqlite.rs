//! The SQLite store: the contract, and what only a store on a disk must do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

#[path = "sqlite/kit.rs"]
mod kit;

#[path = "sqlite/attachments.rs"]
mod attachments;
#[path = "sqlite/clock.rs"]
mod clock;
#[path = "sqlite/contract.rs"]
mod contract;
#[path = "sqlite/disk.rs"]
mod disk;
#[cfg(unix)]
#[path = "sqlite/full.rs"]
mod full;
#[path = "sqlite/maintenance.rs"]
mod maintenance;
#[path = "sqlite/opening.rs"]
mod opening;
#[path = "sqlite/reopening.rs"]
mod reopening;
#[path = "sqlite/retention.rs"]
mod retention;
#[path = "sqlite/speed.rs"]
mod speed;
