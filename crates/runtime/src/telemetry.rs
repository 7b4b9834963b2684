//! What a server says about itself: spans, metrics, tokens and their cost. Nothing of it leaves the process by itself.
//!
//! A [`Trace`] travels with a run. Whatever is called for it, a model, a tool, a server of tools, another agent, gets a
//! [`Call`] from it: one span, one measurement. Spans are those of `tracing`, with the names of OpenTelemetry's
//! conventions for generative AI ([`names`]), and have the target [`TARGET`]; without a subscriber that wants them they
//! cost a look at a number. With the feature `otel` they join the trace of the page that asked and hand it on.

#![cfg_attr(not(feature = "lifecycle"), allow(dead_code, reason = "who counts is part of the lifecycle"))]

mod account;
mod budgets;
mod call;
mod content;
pub mod metrics;
#[cfg(feature = "lifecycle")]
mod model_call;
pub mod names;
mod prices;
mod propagation;
pub mod redact;
mod trace;

pub(crate) use account::Account;
pub(crate) use budgets::Budgets;
pub use budgets::{BudgetOptions, Exhausted};
#[cfg(feature = "lifecycle")]
pub(crate) use budgets::{Spent, today};
pub use call::Call;
pub use metrics::{Metric, Metrics};
#[cfg(feature = "lifecycle")]
pub(crate) use model_call::ModelCall;
pub use prices::{Price, PriceError, Prices};
#[cfg(feature = "lifecycle")]
pub(crate) use propagation::end;
#[cfg(feature = "http")]
pub(crate) use propagation::{adopt, rename};
pub use trace::Trace;

use std::fmt;
use std::sync::Arc;

/// The target of every span: a filter that names it has them all.
pub const TARGET: &str = "telemetry";

/// What a server tells and counts.
#[derive(Clone, Debug)]
pub struct TelemetryOptions {
    /// Whether spans hold what users, models and tools say. Secrets in it are blotted out as [`redact`] does.
    pub capture_content: bool,
    /// Whether agents, models and tools that are called are told which trace they are part of. It takes a trace to be
    /// told of: without one no header is sent.
    pub propagate: bool,
    /// What tokens cost.
    pub prices: Prices,
    /// What a principal may use up in a day.
    pub budgets: BudgetOptions,
}

impl Default for TelemetryOptions {
    fn default() -> Self {
        let (prices, budgets) = (Prices::default(), BudgetOptions::default());
        Self { capture_content: false, propagate: true, prices, budgets }
    }
}

/// The account of one server: a [`Lifecycle`](crate::Lifecycle) has its own.
pub(crate) struct Telemetry {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) budgets: Budgets,
    pub(crate) options: TelemetryOptions,
}

impl Telemetry {
    pub(crate) fn new(options: TelemetryOptions) -> Arc<Self> {
        Arc::new(Self { metrics: Arc::default(), budgets: Budgets::new(options.budgets), options })
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("options", &self.options).finish_non_exhaustive()
    }
}
