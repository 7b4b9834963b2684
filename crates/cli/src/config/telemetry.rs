//! `[logging]`, `[telemetry]`, `[prices]` and `[budgets]`: what the server tells, and what it lets people use.

use super::ConfigError;
use super::sources::Merged;
use copilotkit_runtime::telemetry::{BudgetOptions, Price, PriceError, Prices};
use serde::Deserialize;
use std::collections::BTreeMap;

/// `[logging]`: what is written to stderr.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct LoggingConfig {
    /// A line when a run begins: who asks which agent, on which thread, with how many messages.
    pub requests: bool,
    /// Lines of what a run answers: events, bytes, and how long it took.
    pub responses: bool,
    /// A line when a run fails.
    pub errors: bool,
    /// Adds what users, agents and tools say to the lines of `requests` and `responses`. What looks like a secret is
    /// blotted out, in these as in all lines.
    pub content: bool,
    /// Whether `responses` writes pieces as they come and a sum at the end, or only the sum.
    pub progressive: bool,
    /// The form of a line.
    pub format: LogFormat,
}

impl Default for LoggingConfig {
    fn default() -> Self {
        Self {
            requests: false,
            responses: false,
            errors: true,
            content: false,
            progressive: true,
            format: LogFormat::default(),
        }
    }
}

/// The form of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text, with colours on a terminal.
    #[default]
    Auto,
    /// Text without colours.
    Text,
    /// One JSON object in each line, the banner included.
    Json,
}

/// `[telemetry]`: traces and metrics. Nothing is sent anywhere unless an endpoint is set, here or by the variables of
/// OpenTelemetry.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Where traces and metrics go, by OTLP over HTTP: the address up to `/v1/traces`. Not set or `""`: as
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` says, and nowhere without it.
    pub otlp_endpoint: String,
    /// Headers of each request to that endpoint.
    pub headers: BTreeMap<String, String>,
    /// The name of this server in traces and metrics. `OTEL_SERVICE_NAME` holds where this is not set.
    pub service_name: Option<String>,
    /// What is sent to the endpoint. A backend for traces alone takes no metrics.
    pub signals: Vec<Signal>,
    /// The part of the traces that is sent, from 0 to 1. A trace that began in the page is sent when the page's part of it
    /// is. Not set: as `OTEL_TRACES_SAMPLER` says, and all of them without it.
    pub sample: Option<f64>,
    /// Whether traces hold what users, models and tools say.
    pub capture_content: bool,
    /// Whether remote agents, models and tools are told which trace a request belongs to (`traceparent`).
    pub propagate: bool,
    /// Whether `GET /metrics` is served, for Prometheus: to programs of this machine, or to who has the token.
    pub metrics: bool,
    /// The environment variable that holds the token of `/metrics`. With a token it is served to other machines too.
    pub metrics_token_env: Option<String>,
    /// That token itself. Better leave it out of the file: see `metrics_token_env` and `${NAME}`.
    pub metrics_token: Option<String>,
}

/// What can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// Spans of requests, runs, models and tools.
    Traces,
    /// What `/metrics` shows.
    Metrics,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            otlp_endpoint: String::new(),
            headers: BTreeMap::new(),
            service_name: None,
            signals: vec![Signal::Traces, Signal::Metrics],
            sample: None,
            capture_content: false,
            propagate: true,
            metrics: true,
            metrics_token_env: None,
            metrics_token: None,
        }
    }
}

/// `[prices]`: a model as `"provider/model"`, and what a million of its tokens cost in US dollars. It goes before the
/// built-in list.
pub type PricesConfig = BTreeMap<String, PriceConfig>;

/// `[prices."PROVIDER/MODEL"]`: what a million tokens cost, in US dollars.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// Input that no cache had.
    pub input: f64,
    /// Input that came from a cache. Not set: as other input.
    pub cached_input: Option<f64>,
    /// Input that was written to a cache. Not set: as other input.
    pub cache_write: Option<f64>,
    /// Output, reasoning included.
    pub output: f64,
}

/// `[budgets]`: what a principal may use in a day, from midnight to midnight UTC. Beyond it runs are refused with 429
/// `budget_exhausted`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct BudgetsConfig {
    /// Tokens, read and written. Not set: any number.
    pub tokens_per_day: Option<u64>,
    /// US dollars, by the prices. A model without a price costs nothing; the start and `check` warn of it. Not set: any
    /// amount.
    pub cost_per_day: Option<f64>,
}

impl BudgetsConfig {
    /// As the runtime takes them.
    pub fn options(&self) -> BudgetOptions {
        BudgetOptions { tokens_per_day: self.tokens_per_day, cost_per_day: self.cost_per_day }
    }
}

/// The built-in prices with those of the configuration.
///
/// # Errors
/// The model whose price is none, and why.
pub fn prices(config: &PricesConfig) -> Result<Prices, (String, PriceError)> {
    config.iter().try_fold(Prices::default(), |prices, (model, price)| {
        let PriceConfig { input, cached_input, cache_write, output } = *price;
        let price = Price { input, cached_input, cache_write, output };
        prices.with(model, price).map_err(|error| (model.clone(), error))
    })
}

/// What stands before the path of a signal, where an address ends with one.
pub(crate) fn signal_base(url: &str) -> Option<&str> {
    let url = url.trim_end_matches('/');
    url.strip_suffix("/v1/traces").or_else(|| url.strip_suffix("/v1/metrics"))
}

pub(super) fn check(
    telemetry: &TelemetryConfig,
    prices_config: &PricesConfig,
    budgets: &BudgetsConfig,
    merged: &Merged,
) -> Result<(), ConfigError> {
    let at = |key: &'static str| ["telemetry", key];
    if !telemetry.otlp_endpoint.is_empty() {
        merged.check_url(&at("otlp_endpoint"), &telemetry.otlp_endpoint)?;
        if let Some(base) = signal_base(&telemetry.otlp_endpoint) {
            let reason = "this is the address of one signal, and `/v1/traces` and `/v1/metrics` are put behind it";
            return Err(merged.error(&at("otlp_endpoint"), reason, format!("write the base, \"{base}\"")));
        }
    }
    merged.check_headers(&at("headers"), &telemetry.headers)?;
    if telemetry.otlp_endpoint.is_empty() && !telemetry.headers.is_empty() {
        return Err(merged.error(
            &at("headers"),
            "the headers belong to an endpoint, and none is set",
            "set `otlp_endpoint`, or OTEL_EXPORTER_OTLP_HEADERS beside OTEL_EXPORTER_OTLP_ENDPOINT",
        ));
    }
    if let Some(sample) = telemetry.sample.filter(|sample| !(0.0..=1.0).contains(sample)) {
        let reason = format!("{sample} is no part of a whole");
        return Err(merged.error(&at("sample"), reason, "write a number from 0 to 1, like 0.1"));
    }
    let named = telemetry.metrics_token_env.as_deref().filter(|_| telemetry.metrics_token.is_none());
    if let Some(variable) = named
        && (merged.environment)(variable).is_none_or(|token| token.trim().is_empty())
    {
        return Err(merged.error(
            &at("metrics_token_env"),
            format!("the environment variable {variable} is not set"),
            format!("set it before the start: export {variable}=$(openssl rand -hex 32)"),
        ));
    }
    if let Err((model, error)) = prices(prices_config) {
        let remedy =
            "write it like [prices.\"openai/gpt-4o\"] with `input` and `output`, in US dollars for a million tokens";
        return Err(merged.error(&["prices", &model], error.to_string(), remedy));
    }
    if let Some(cost) = budgets.cost_per_day.filter(|cost| !cost.is_finite() || *cost < 0.0) {
        let reason = format!("{cost} is no amount of money");
        return Err(merged.error(&["budgets", "cost_per_day"], reason, "write US dollars, like 5.0"));
    }
    Ok(())
}
