//! The table of metrics. A row: what it is, its variant and name, what kind, its unit, its labels.

use crate::telemetry::names;

/// Bounds for what models and runs take, in seconds.
const SLOW: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 655.36];
/// Bounds for what people wait for, in seconds.
const QUICK: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// Bounds for counts of tokens.
const TOKENS: &[f64] =
    &[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0];

/// What kind of number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many values lie below each of these bounds.
    Histogram(&'static [f64]),
}

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $name:ident $text:literal $kind:expr, $unit:literal, [$($label:expr),*];)+) => {
        /// A metric, by OpenTelemetry's rules for names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Metric {
            $($(#[doc = $help])+ $name,)+
        }

        impl Metric {
            /// Every metric.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What it is, for people.
            pub fn help(self) -> &'static str {
                match self { $(Self::$name => concat!($($help),+),)+ }.trim()
            }

            /// What kind of number.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$name => $kind,)+ }
            }

            /// The unit: `s`, `By`, `USD`, or what is counted, in braces.
            pub const fn unit(self) -> &'static str {
                match self { $(Self::$name => $unit,)+ }
            }

            /// The names of its labels, in the order of their values.
            pub const fn labels(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($label),*],)+ }
            }
        }
    };
}

use Kind::{Counter, Gauge, Histogram};

metrics! {
    /// Runs that go on, by agent.
    RunsActive "copilotkit.runs.active" Gauge, "{run}", [names::AGENT_ID];
    /// Runs that ended, by agent and by how: `success`, `interrupt`, `cancelled` or `error`.
    Runs "copilotkit.runs" Counter, "{run}", [names::AGENT_ID, "outcome"];
    /// How long runs took.
    RunDuration "copilotkit.run.duration" Histogram(SLOW), "s", [names::AGENT_ID, "outcome"];
    /// Requests that were refused, runs that failed and connections that were cut off, by code.
    Refusals "copilotkit.refusals" Counter, "{refusal}", ["code"];
    /// How long calls of models took, from the request to the last event.
    ModelDuration "gen_ai.client.operation.duration" Histogram(SLOW), "s",
        [names::OPERATION, names::PROVIDER, names::REQUEST_MODEL, names::ERROR_TYPE];
    /// How long models took to their first event.
    FirstChunk "gen_ai.client.operation.time_to_first_chunk" Histogram(QUICK), "s",
        [names::OPERATION, names::PROVIDER, names::REQUEST_MODEL];
    /// Tokens of each call of a model, `input` and `output`.
    TokenUsage "gen_ai.client.token.usage" Histogram(TOKENS), "{token}",
        [names::OPERATION, names::PROVIDER, names::REQUEST_MODEL, "gen_ai.token.type"];
    /// Tokens in total, by agent and model: `input` without and `cached_input` from a cache, `cache_write`, `output`.
    Tokens "copilotkit.tokens" Counter, "{token}", [names::AGENT_ID, names::PROVIDER, names::REQUEST_MODEL, "type"];
    /// What those tokens cost by the table of prices; a model without a price is not in it.
    Cost "copilotkit.cost" Counter, "USD", [names::AGENT_ID, names::PROVIDER, names::REQUEST_MODEL];
    /// How long calls of server tools took.
    ToolDuration "gen_ai.execute_tool.duration" Histogram(SLOW), "s", [names::TOOL_NAME, names::ERROR_TYPE];
    /// How long requests took, streams to their last byte.
    RequestDuration "http.server.request.duration" Histogram(QUICK), "s",
        [names::HTTP_METHOD, names::HTTP_ROUTE, names::HTTP_STATUS];
    /// Requests that are being answered, open streams included.
    RequestsActive "http.server.active_requests" Gauge, "{request}", [];
    /// Open connections.
    Connections "copilotkit.connections" Gauge, "{connection}", [];
    /// Bytes that are held in memory for readers of live runs, beside the store.
    Backlog "copilotkit.backlog.size" Gauge, "By", [];
    /// Bytes of the thread store: of its file, or of what it holds in memory.
    StoreSize "copilotkit.store.size" Gauge, "By", [];
    /// How long it took until a run had its thread (`begin`, the wait for a busy one included) and until its end was in the store (`finish`).
    StoreDuration "copilotkit.store.duration" Histogram(QUICK), "s", ["operation"];
    /// Spans that were thrown away since the collector did not take them, or not as fast as they came.
    SpansDropped "copilotkit.telemetry.spans.dropped" Counter, "{span}", [];
}

impl Metric {
    /// Its name for Prometheus: with underscores, the unit, and `_total` for a counter.
    pub fn prometheus(self) -> String {
        let unit = match self.unit() {
            "s" => "_seconds",
            "By" => "_bytes",
            "USD" => "_usd",
            _ => "",
        };
        let total = if self.kind() == Kind::Counter { "_total" } else { "" };
        format!("{}{unit}{total}", self.name().replace('.', "_"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_bounds_grow() {
        let names: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.prometheus()).collect();
        assert_eq!(names.len(), Metric::ALL.len());
        for metric in Metric::ALL {
            if let Kind::Histogram(bounds) = metric.kind() {
                assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]), "{metric:?}");
            }
            assert!(metric.help().ends_with('.'), "{metric:?}");
        }
        assert_eq!(Metric::RunDuration.prometheus(), "copilotkit_run_duration_seconds");
        assert_eq!(Metric::Cost.prometheus(), "copilotkit_cost_usd_total");
        assert_eq!(Metric::TokenUsage.prometheus(), "gen_ai_client_token_usage");
    }
}
