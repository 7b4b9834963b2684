//! Spans and metrics as OTLP has them.

use copilotkit_runtime::telemetry::Metrics;
use copilotkit_runtime::telemetry::metrics::{Kind, Metric, Series, Value};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric as WireMetric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource as WireResource;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::trace::SpanData;
use std::time::{SystemTime, UNIX_EPOCH};

/// Who sends, in both forms that are needed.
pub(super) struct Resource {
    spans: ResourceAttributesWithSchema,
    metrics: WireResource,
}

pub(super) fn resource(attributes: &[(String, String)]) -> Resource {
    let pairs = attributes.iter().map(|(name, value)| opentelemetry::KeyValue::new(name.clone(), value.clone()));
    let sdk = opentelemetry_sdk::Resource::builder_empty().with_attributes(pairs).build();
    let attributes = attributes.iter().map(|(name, value)| pair(name, value)).collect();
    let metrics = WireResource { attributes, ..WireResource::default() };
    Resource { spans: (&sdk).into(), metrics }
}

pub(super) fn spans(spans: Vec<SpanData>, resource: &Resource) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest { resource_spans: group_spans_by_resource_and_scope(spans, &resource.spans) }
}

/// Everything that is measured, as sums since the start.
pub(super) fn metrics(metrics: &Metrics, resource: &Resource) -> ExportMetricsServiceRequest {
    let times = (nanos(metrics.started), nanos(SystemTime::now()));
    let all = metrics.snapshot().into_iter().map(|(metric, series)| WireMetric {
        name: metric.name().to_owned(),
        description: metric.help().to_owned(),
        unit: metric.unit().to_owned(),
        data: Some(data(metric, series, times)),
        ..WireMetric::default()
    });
    let scope = InstrumentationScope {
        name: "copilotkit".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics: all.collect(), ..ScopeMetrics::default() }];
    let resource_metrics =
        vec![ResourceMetrics { resource: Some(resource.metrics.clone()), scope_metrics, ..Default::default() }];
    ExportMetricsServiceRequest { resource_metrics }
}

fn data(metric: Metric, series: Vec<Series>, times: (u64, u64)) -> Data {
    let temporality = AggregationTemporality::Cumulative.into();
    match metric.kind() {
        Kind::Counter => {
            let data_points = series.into_iter().filter_map(|series| number(metric, series, times)).collect();
            Data::Sum(Sum { data_points, aggregation_temporality: temporality, is_monotonic: true })
        }
        Kind::Gauge => {
            let data_points = series.into_iter().filter_map(|series| number(metric, series, times)).collect();
            Data::Gauge(Gauge { data_points })
        }
        Kind::Histogram(bounds) => {
            let data_points =
                series.into_iter().filter_map(|series| histogram(metric, series, bounds, times)).collect();
            Data::Histogram(Histogram { data_points, aggregation_temporality: temporality })
        }
    }
}

fn number(metric: Metric, (labels, value): Series, (start, now): (u64, u64)) -> Option<NumberDataPoint> {
    let Value::Number(number) = value else { return None };
    Some(NumberDataPoint {
        attributes: attributes(metric, &labels),
        start_time_unix_nano: start,
        time_unix_nano: now,
        value: Some(Number::AsDouble(number)),
        ..NumberDataPoint::default()
    })
}

fn histogram(
    metric: Metric,
    (labels, value): Series,
    bounds: &[f64],
    (start, now): (u64, u64),
) -> Option<HistogramDataPoint> {
    let Value::Histogram { counts, sum } = value else { return None };
    Some(HistogramDataPoint {
        attributes: attributes(metric, &labels),
        start_time_unix_nano: start,
        time_unix_nano: now,
        count: counts.iter().sum(),
        sum: Some(sum),
        bucket_counts: counts,
        explicit_bounds: bounds.to_vec(),
        ..HistogramDataPoint::default()
    })
}

/// A label without a value is none.
fn attributes(metric: Metric, values: &[String]) -> Vec<KeyValue> {
    let set = metric.labels().iter().zip(values).filter(|(_, value)| !value.is_empty());
    set.map(|(name, value)| pair(name, value)).collect()
}

fn pair(name: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: name.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
