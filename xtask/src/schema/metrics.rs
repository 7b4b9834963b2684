//! The table of metrics in `docs/observability.md`.

use anyhow::Context;
use copilotkit_runtime::telemetry::metrics::{Kind, Metric};

/// Written by hand, but for what stands between the marks.
pub(crate) const PAGE: &str = "docs/observability.md";

const BEGIN: &str = "<!-- Generated from crates/runtime/src/telemetry/metrics/table.rs by `cargo xtask schema`. Changes up \
                     to the end mark are lost. -->";
const END: &str = "<!-- End of what is generated. -->";

/// The page with a fresh table.
pub(crate) fn page(text: &str) -> anyhow::Result<String> {
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("{PAGE} has no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{PAGE} has no line {END}"))?;
    Ok(format!("{before}{BEGIN}\n\n{}\n{END}{after}", table()))
}

fn table() -> String {
    let mut table = "| in `/metrics` | over OTLP | kind | labels | what |\n|---|---|---|---|---|\n".to_owned();
    for metric in Metric::ALL {
        let kind = match metric.kind() {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let labels: Vec<_> = metric.labels().iter().map(|label| format!("`{label}`")).collect();
        let (text, name, labels) = (metric.prometheus(), metric.name(), labels.join(", "));
        table.push_str(&format!("| `{text}` | `{name}` | {kind} | {labels} | {} |\n", metric.help()));
    }
    table
}
