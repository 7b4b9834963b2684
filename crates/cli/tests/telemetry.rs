//! What a server tells about itself: traces and metrics as a collector gets them, the text for Prometheus, lines of the
//! log; and what it lets people use.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

#[path = "telemetry/budgets.rs"]
mod budgets;
#[path = "telemetry/collector.rs"]
mod collector;
#[path = "telemetry/kit.rs"]
mod kit;
#[path = "telemetry/logs.rs"]
mod logs;
#[path = "telemetry/mcp.rs"]
mod mcp;
#[path = "telemetry/metrics.rs"]
mod metrics;
#[path = "telemetry/traces.rs"]
mod traces;
