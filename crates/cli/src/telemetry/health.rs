//! Whether a collector answers, told once for each change.

use std::fmt;

/// Of one signal.
#[derive(Debug)]
pub(super) struct Health {
    what: &'static str,
    failing: bool,
}

impl Health {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, failing: false }
    }

    /// It went wrong; only the first time in a row is told.
    pub(super) fn failed(&mut self, to: &str, error: &impl fmt::Display) {
        if !std::mem::replace(&mut self.failing, true) {
            let what = self.what;
            tracing::warn!(%error, "{what} could not be sent to {to}; this is said once, until they are taken again");
        }
    }

    /// It went well.
    pub(super) fn worked(&mut self, to: &str) {
        if std::mem::take(&mut self.failing) {
            tracing::info!(target: "copilotkit::telemetry", "{} are taken again by {to}", self.what);
        }
    }
}
