//! Metrics as the text that Prometheus reads.

use super::{Kind, Metric, Metrics, Value};
use std::fmt::Write as _;

/// What the text is, for the answer that carries it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that has a series, in the text form of version 0.0.4.
pub fn text(metrics: &Metrics) -> String {
    let mut out = String::new();
    for (metric, series) in metrics.snapshot() {
        let name = metric.prometheus();
        let kind = match metric.kind() {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        // Writing into a text cannot fail.
        let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", metric.help());
        for (labels, value) in series {
            let labels = pairs(metric, &labels);
            match (value, metric.kind()) {
                (Value::Histogram { counts, sum }, Kind::Histogram(bounds)) => {
                    let mut total = 0;
                    for (index, count) in counts.iter().enumerate() {
                        total += count;
                        let bound = bounds.get(index).map_or("+Inf".to_owned(), f64::to_string);
                        let _ = writeln!(out, "{name}_bucket{} {total}", braces(&labels, Some(&bound)));
                    }
                    let labels = braces(&labels, None);
                    let _ = writeln!(out, "{name}_sum{labels} {sum}\n{name}_count{labels} {total}");
                }
                (Value::Number(number), _) => {
                    let _ = writeln!(out, "{name}{} {number}", braces(&labels, None));
                }
                // A metric has one kind for ever.
                (Value::Histogram { .. }, _) => {}
            }
        }
    }
    out
}

fn pairs(metric: Metric, values: &[String]) -> String {
    let pair = |(name, value): (&&str, &String)| format!("{}=\"{}\"", name.replace('.', "_"), escaped(value));
    metric.labels().iter().zip(values).map(pair).collect::<Vec<_>>().join(",")
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn braces(labels: &str, bound: Option<&str>) -> String {
    let bound = bound.map(|bound| format!("le=\"{bound}\"")).unwrap_or_default();
    match (labels.is_empty(), bound.is_empty()) {
        (true, true) => String::new(),
        (false, false) => format!("{{{labels},{bound}}}"),
        _ => format!("{{{labels}{bound}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let metrics = Metrics::default();
        metrics.add(Metric::Runs, &["a \"b\"\\\n", "error"], 2.0);
        metrics.set(Metric::Connections, &[], 3.0);
        metrics.observe(Metric::StoreDuration, &["begin"], 0.002);
        metrics.observe(Metric::StoreDuration, &["begin"], 7.0);
        let text = text(&metrics);
        for line in [
            "# TYPE copilotkit_runs_total counter",
            r#"copilotkit_runs_total{gen_ai_agent_id="a \"b\"\\\n",outcome="error"} 2"#,
            "copilotkit_connections 3",
            "# TYPE copilotkit_store_duration_seconds histogram",
            r#"copilotkit_store_duration_seconds_bucket{operation="begin",le="0.001"} 0"#,
            r#"copilotkit_store_duration_seconds_bucket{operation="begin",le="0.0025"} 1"#,
            r#"copilotkit_store_duration_seconds_bucket{operation="begin",le="10"} 2"#,
            r#"copilotkit_store_duration_seconds_bucket{operation="begin",le="+Inf"} 2"#,
            r#"copilotkit_store_duration_seconds_sum{operation="begin"} 7.002"#,
            r#"copilotkit_store_duration_seconds_count{operation="begin"} 2"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("copilotkit_cost"), "what was never touched is not there: {text}");
    }
}
