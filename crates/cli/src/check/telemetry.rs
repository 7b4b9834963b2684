//! Where traces and metrics go.

use super::{Context, Finding, Probe};
use crate::chat::plain;
use crate::telemetry::{Endpoint, Settings};
use copilotkit_runtime::client::{self, ClientOptions};
use http::StatusCode;
use http::header::CONTENT_TYPE;

pub(super) fn probes(context: &Context<'_>) -> Vec<Probe> {
    // What is to be said of the variables is said with the other warnings.
    let settings = match Settings::of(&context.config.telemetry, context.environment, &mut Vec::new()) {
        Ok(Some(settings)) => settings,
        Ok(None) => return Vec::new(),
        Err(error) => {
            let finding = Finding::failed(format!("{error:#}"), "docs/observability.md says what it takes");
            return vec![Probe::local("telemetry", async move { finding })];
        }
    };
    let mut probes = Vec::new();
    for (signal, endpoint) in [("traces", settings.traces), ("metrics", settings.metrics)] {
        probes.extend(endpoint.map(|endpoint| Probe::remote(format!("telemetry.{signal}"), ask(signal, endpoint))));
    }
    probes
}

/// Sends nothing, which is a valid message of the protocol.
async fn ask(signal: &'static str, endpoint: Endpoint) -> Finding {
    // As it will be sent: by the proxy of the environment, if there is one.
    let options = ClientOptions { environment_proxies: true, ..ClientOptions::default() };
    let http = match client::build(&options) {
        Ok(http) => http,
        Err(error) => return Finding::failed(error.to_string(), ""),
    };
    let request = http.post(endpoint.url.clone()).headers(endpoint.headers.clone());
    let place = endpoint.shown();
    let answer = match request.header(CONTENT_TYPE, "application/x-protobuf").body(Vec::new()).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let remedy = "start the collector, or mend `otlp_endpoint` of [telemetry] or OTEL_EXPORTER_OTLP_ENDPOINT";
            return Finding::failed(plain(endpoint.url.as_str(), &error).to_string(), remedy);
        }
    };
    let status = answer.status();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Finding::failed(
            format!("{place} wants to know who sends ({})", status.as_u16()),
            "mend `headers` of [telemetry], or OTEL_EXPORTER_OTLP_HEADERS",
        ),
        StatusCode::NOT_FOUND => Finding::failed(
            format!("{place} answers, but takes no {signal} at this path (404)"),
            "mend the address: the path of the collector, without `/v1/traces` and `/v1/metrics`; `signals` leaves one out",
        ),
        status if status.is_redirection() || status.is_server_error() => {
            Finding::failed(format!("{place} answers {status}"), "see the log of the collector")
        }
        _ => Finding::ok(format!("{place} answers")),
    }
}
