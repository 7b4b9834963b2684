//! Where traces and metrics go: from `[telemetry]`, and from the variables of OpenTelemetry where that says nothing.

use crate::config::{Environment, Signal, TelemetryConfig, signal_base};
use anyhow::{Context as _, Result};
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_sdk::trace::Sampler;
use percent_encoding::percent_decode_str;
use std::cell::RefCell;
use std::time::Duration;
use url::Url;

/// The name of a server that was given none.
const SERVICE: &str = "copilotkit";
/// How long a collector may take for its answer, as the specification has it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a span waits for others, as the specification has it.
const DELAY: Duration = Duration::from_secs(5);
/// How often metrics are sent, as the specification has it.
const INTERVAL: Duration = Duration::from_secs(60);
/// Spans that may wait, as the specification has it. One may hold some KiB, or far more with content.
const QUEUE: usize = 2_048;
/// Spans in one request, as the specification has it.
const BATCH: usize = 512;

/// What is sent where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where spans go.
    pub traces: Option<Endpoint>,
    /// Where metrics go.
    pub metrics: Option<Endpoint>,
    /// Attributes of whoever sends.
    pub resource: Vec<(String, String)>,
    /// Which traces are kept.
    pub sampler: Sampler,
    /// Spans that may wait.
    pub queue: usize,
    /// Spans in one request.
    pub batch: usize,
    /// How long a span waits for others.
    pub delay: Duration,
    /// How often metrics are sent.
    pub interval: Duration,
}

/// Where a signal goes.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The whole address.
    pub url: Url,
    /// Its headers, marked as secrets.
    pub headers: HeaderMap,
    /// How long it may take for its answer.
    pub timeout: Duration,
}

impl Endpoint {
    /// The address as people may see it: without user, password and query.
    pub fn shown(&self) -> String {
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}{}", self.url.scheme(), self.url.host_str().unwrap_or_default(), self.url.path())
    }
}

/// Looks variables up; an empty one is none.
struct Variables<'a> {
    lookup: &'a Environment,
    /// What is wrong with some of them.
    warnings: RefCell<Vec<String>>,
}

impl Variables<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Of a signal, or of all.
    fn otlp(&self, signal: &str, name: &str) -> Option<String> {
        self.text(&format!("OTEL_EXPORTER_OTLP_{signal}_{name}"))
            .or_else(|| self.text(&format!("OTEL_EXPORTER_OTLP_{name}")))
    }

    fn number(&self, name: &str) -> Option<u64> {
        let text = self.text(name)?;
        let number = text.parse().ok();
        if number.is_none() {
            self.warn(format!("{name} is {text}, which is no whole number: it is passed over"));
        }
        number
    }

    fn warn(&self, text: String) {
        self.warnings.borrow_mut().push(text);
    }

    fn millis(&self, name: &str, default: Duration) -> Duration {
        self.number(name).map_or(default, Duration::from_millis)
    }

    fn count(&self, name: &str, default: usize) -> usize {
        self.number(name)
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| *number > 0)
            .unwrap_or(default)
    }
}

impl Settings {
    /// What is configured; `None` where nothing is sent. What people should know of their variables is added to
    /// `warnings`.
    ///
    /// # Errors
    /// An address or header that is none.
    pub fn of(config: &TelemetryConfig, environment: &Environment, warnings: &mut Vec<String>) -> Result<Option<Self>> {
        let variables = Variables { lookup: environment, warnings: RefCell::default() };
        let settings = Self::read(config, &variables);
        warnings.append(&mut variables.warnings.into_inner());
        settings
    }

    fn read(config: &TelemetryConfig, variables: &Variables<'_>) -> Result<Option<Self>> {
        if variables.text("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let wanted = |signal| config.signals.contains(&signal);
        let traces = match wanted(Signal::Traces) {
            true => endpoint(config, variables, "TRACES", "v1/traces")?,
            false => None,
        };
        let metrics = match wanted(Signal::Metrics) {
            true => endpoint(config, variables, "METRICS", "v1/metrics")?,
            false => None,
        };
        if traces.is_none() && metrics.is_none() {
            return Ok(None);
        }
        let queue = variables.count("OTEL_BSP_MAX_QUEUE_SIZE", QUEUE);
        Ok(Some(Self {
            traces,
            metrics,
            resource: resource(config, variables),
            sampler: sampler(config, variables),
            queue,
            batch: variables.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", BATCH).min(queue),
            delay: variables.millis("OTEL_BSP_SCHEDULE_DELAY", DELAY).max(Duration::from_millis(1)),
            interval: variables.millis("OTEL_METRIC_EXPORT_INTERVAL", INTERVAL).max(Duration::from_millis(1)),
        }))
    }

    /// For the banner: what goes where.
    pub fn shown(&self) -> String {
        let one = |name: &str, endpoint: &Option<Endpoint>| {
            endpoint.as_ref().map(|endpoint| format!("{name} to {}", endpoint.shown()))
        };
        let all = [one("traces", &self.traces), one("metrics", &self.metrics)];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// The endpoint of a signal. That of the configuration goes with the headers of the configuration, that of the variables
/// with those of the variables: a credential for one is not sent to the other.
fn endpoint(config: &TelemetryConfig, variables: &Variables<'_>, signal: &str, path: &str) -> Result<Option<Endpoint>> {
    let millis = |text: String| text.parse().ok().map(Duration::from_millis);
    let timeout = variables.otlp(signal, "TIMEOUT").and_then(millis).unwrap_or(TIMEOUT);
    if !config.otlp_endpoint.is_empty() {
        let url = below(&config.otlp_endpoint, path).context("[telemetry] otlp_endpoint")?;
        let headers = config.headers.iter().map(|(name, value)| header(name, value));
        let headers = headers.collect::<Result<_>>().context("[telemetry] headers")?;
        return Ok(Some(Endpoint { url, headers, timeout }));
    }
    let exporter = variables.text(&format!("OTEL_{signal}_EXPORTER")).unwrap_or_else(|| "otlp".to_owned());
    if !exporter.split(',').any(|name| name.trim() == "otlp") {
        return Ok(None);
    }
    let own = format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT");
    let of_all = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let (variable, text, path) = match (variables.text(&own), variables.text(of_all)) {
        (Some(url), _) => (own.as_str(), url, None),
        (None, Some(base)) => (of_all, base, Some(path)),
        (None, None) => return Ok(None),
    };
    let what = signal.to_lowercase();
    if path.is_some() && signal_base(&text).is_some() {
        variables.warn(format!(
            "{variable} ends with the path of a signal, and `/{path}` is put behind it; write the base there, or set {own}",
            path = path.unwrap_or_default()
        ));
    }
    let url = match path {
        Some(path) => below(&text, path).ok(),
        None => Url::parse(&text).ok(),
    };
    // The variable is often set for everything on a machine: what it says for others must not keep the server from
    // starting.
    let Some(url) = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) else {
        variables.warn(format!(
            "no {what} are sent: {variable} is no http or https address; write it like http://127.0.0.1:4318"
        ));
        return Ok(None);
    };
    let protocol = variables.otlp(signal, "PROTOCOL");
    if let Some(protocol) = protocol.filter(|protocol| protocol != "http/protobuf") {
        variables.warn(format!(
            "no {what} are sent: OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}, and this server speaks http/protobuf alone; \
             set OTEL_EXPORTER_OTLP_{signal}_PROTOCOL=http/protobuf and the port for it, mostly 4318"
        ));
        return Ok(None);
    }
    let list = variables.otlp(signal, "HEADERS").unwrap_or_default();
    let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    let decoded =
        |(name, value): (&str, &str)| header(name.trim(), &percent_decode_str(value.trim()).decode_utf8_lossy());
    let headers = pairs.map(decoded).collect::<Result<_>>().context("OTEL_EXPORTER_OTLP_HEADERS")?;
    Ok(Some(Endpoint { url, headers, timeout }))
}

/// `http://host/base` and `v1/traces`: what is behind the base stays in front.
fn below(base: &str, path: &str) -> Result<Url> {
    let mut url = Url::parse(base).with_context(|| format!("`{base}` is no address"))?;
    let joined = format!("{}/{path}", url.path().trim_end_matches('/'));
    url.set_path(&joined);
    Ok(url)
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let parsed = HeaderName::try_from(name).with_context(|| format!("`{name}` is not the name of a header"))?;
    let mut value = HeaderValue::try_from(value).with_context(|| format!("the value of the header `{name}`"))?;
    value.set_sensitive(true);
    Ok((parsed, value))
}

fn resource(config: &TelemetryConfig, variables: &Variables<'_>) -> Vec<(String, String)> {
    let list = variables.text("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let decoded = |text: &str| percent_decode_str(text.trim()).decode_utf8_lossy().into_owned();
    let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    let mut all: Vec<(String, String)> = pairs.map(|(name, value)| (decoded(name), decoded(value))).collect();
    let given = config.service_name.clone().or_else(|| variables.text("OTEL_SERVICE_NAME"));
    let named = all.iter().any(|(name, _)| name == "service.name");
    if let Some(name) = given.or_else(|| (!named).then(|| SERVICE.to_owned())) {
        all.retain(|(key, _)| key != "service.name");
        all.insert(0, ("service.name".to_owned(), name));
    }
    if !all.iter().any(|(name, _)| name == "service.version") {
        all.push(("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
    }
    all
}

fn sampler(config: &TelemetryConfig, variables: &Variables<'_>) -> Sampler {
    let parent = |sampler: Sampler| Sampler::ParentBased(Box::new(sampler));
    if let Some(part) = config.sample {
        return parent(Sampler::TraceIdRatioBased(part));
    }
    let part = || variables.text("OTEL_TRACES_SAMPLER_ARG").and_then(|text| text.parse().ok()).unwrap_or(1.0);
    match variables.text("OTEL_TRACES_SAMPLER").as_deref() {
        None | Some("parentbased_always_on") => parent(Sampler::AlwaysOn),
        Some("always_on") => Sampler::AlwaysOn,
        Some("always_off") => Sampler::AlwaysOff,
        Some("parentbased_always_off") => parent(Sampler::AlwaysOff),
        Some("traceidratio") => Sampler::TraceIdRatioBased(part()),
        Some("parentbased_traceidratio") => parent(Sampler::TraceIdRatioBased(part())),
        Some(other) => {
            variables.warn(format!("OTEL_TRACES_SAMPLER is {other}, which is not known here: all traces are sent"));
            parent(Sampler::AlwaysOn)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn of(config: TelemetryConfig, variables: &[(&str, &str)]) -> Option<Settings> {
        let variables: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let lookup = Arc::new(move |name: &str| variables.get(name).cloned()) as _;
        Settings::of(&config, &lookup, &mut Vec::new()).unwrap()
    }

    fn url(endpoint: &Option<Endpoint>) -> Option<&str> {
        endpoint.as_ref().map(|endpoint| endpoint.url.as_str())
    }

    #[test]
    fn nothing_is_sent_unless_it_is_said_where() {
        assert!(of(TelemetryConfig::default(), &[]).is_none());
        let base = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")];
        let settings = of(TelemetryConfig::default(), &base).unwrap();
        assert_eq!(url(&settings.traces), Some("http://c:4318/v1/traces"));
        assert_eq!(url(&settings.metrics), Some("http://c:4318/v1/metrics"));
        for off in [("OTEL_SDK_DISABLED", "true"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")] {
            assert!(of(TelemetryConfig::default(), &[base[0], off]).is_none(), "{off:?}");
        }
        let none = [base[0], ("OTEL_METRICS_EXPORTER", "none")];
        let settings = of(TelemetryConfig::default(), &none).unwrap();
        assert!(settings.metrics.is_none() && settings.traces.is_some());
        let traces = TelemetryConfig { signals: vec![Signal::Traces], ..TelemetryConfig::default() };
        assert!(of(traces, &base).unwrap().metrics.is_none());
    }

    #[test]
    fn an_address_for_everything_on_the_machine_keeps_no_server_from_starting() {
        let told = |name: &str, value: &str| {
            let (name, value) = (name.to_owned(), value.to_owned());
            let lookup = Arc::new(move |asked: &str| (asked == name).then(|| value.clone())) as _;
            let mut warnings = Vec::new();
            let settings = Settings::of(&TelemetryConfig::default(), &lookup, &mut warnings).unwrap();
            (settings.is_some(), warnings)
        };
        for address in ["127.0.0.1:4317", "localhost:4317", "/collector"] {
            let (sends, warnings) = told("OTEL_EXPORTER_OTLP_ENDPOINT", address);
            assert!(!sends && warnings.len() == 2 && warnings[0].contains("http://127.0.0.1:4318"), "{warnings:?}");
        }
        let (sends, warnings) = told("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317");
        assert!(!sends && warnings[0].contains("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is no"), "{warnings:?}");
        let (sends, warnings) = told("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/v1/traces");
        assert!(sends && warnings[0].contains("write the base"), "{warnings:?}");
    }

    #[test]
    fn an_endpoint_of_a_signal_is_taken_as_it_is() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c/base/"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t/own"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=1, b=x%20y,broken"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "c=2"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
        ];
        let settings = of(TelemetryConfig::default(), &variables).unwrap();
        assert_eq!(url(&settings.traces), Some("https://t/own"));
        assert_eq!(url(&settings.metrics), Some("https://c/base/v1/metrics"));
        let (traces, metrics) = (settings.traces.unwrap(), settings.metrics.unwrap());
        assert_eq!((traces.headers["a"].to_str().unwrap(), traces.headers["b"].to_str().unwrap()), ("1", "x y"));
        assert_eq!((metrics.headers.len(), metrics.headers["c"].to_str().unwrap()), (1, "2"));
        assert!(traces.headers["a"].is_sensitive());
        assert_eq!(traces.timeout, Duration::from_millis(250));
    }

    #[test]
    fn the_configuration_goes_first_and_credentials_stay_with_their_endpoint() {
        let config = TelemetryConfig {
            otlp_endpoint: "http://u:p@mine:1/otel?key=k".to_owned(),
            service_name: Some("mine".to_owned()),
            ..TelemetryConfig::default()
        };
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://theirs"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x"),
            ("OTEL_SERVICE_NAME", "theirs"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=test%2C1"),
        ];
        let settings = of(config, &variables).unwrap();
        let traces = settings.traces.unwrap();
        assert_eq!(traces.url.as_str(), "http://u:p@mine:1/otel/v1/traces?key=k");
        assert_eq!(traces.shown(), "http://mine:1/otel/v1/traces");
        assert!(traces.headers.is_empty());
        let resource: BTreeMap<_, _> = settings.resource.into_iter().collect();
        assert_eq!((&*resource["service.name"], &*resource["deployment.environment.name"]), ("mine", "test,1"));
        let settings = of(TelemetryConfig::default(), &variables).unwrap();
        assert_eq!(settings.resource[0], ("service.name".to_owned(), "theirs".to_owned()));
    }

    #[test]
    fn the_sampler_is_that_of_the_configuration_or_of_the_variables() {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c");
        let shown = |config: TelemetryConfig, more: &[(&str, &str)]| {
            format!("{:?}", of(config, &[&[base], more].concat()).unwrap().sampler)
        };
        assert_eq!(shown(TelemetryConfig::default(), &[]), "ParentBased(AlwaysOn)");
        let ratio = [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.25")];
        assert_eq!(shown(TelemetryConfig::default(), &ratio), "TraceIdRatioBased(0.25)");
        let own = TelemetryConfig { sample: Some(0.5), ..TelemetryConfig::default() };
        assert_eq!(shown(own, &ratio), "ParentBased(TraceIdRatioBased(0.5))");
    }
}
