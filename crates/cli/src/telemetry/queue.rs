//! The queue between what is traced and what is sent. It is bounded, and nobody waits for it.

use super::settings::Settings;
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Puts spans that ended into the queue. One that finds no room is counted and gone.
#[derive(Debug)]
struct Queue {
    spans: mpsc::Sender<SpanData>,
    dropped: Arc<AtomicU64>,
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.spans.try_send(span).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    // The other end of the queue sends, and is asked to by whoever has it.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Where spans are made, where they come out, and how many found no room.
pub(super) fn provider(settings: &Settings) -> (SdkTracerProvider, mpsc::Receiver<SpanData>, Arc<AtomicU64>) {
    let (spans, queue) = mpsc::channel(settings.queue);
    let dropped = Arc::new(AtomicU64::new(0));
    let attributes = settings.resource.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder_empty().with_attributes(attributes).build())
        .with_sampler(settings.sampler.clone())
        .with_span_processor(Queue { spans, dropped: dropped.clone() })
        .build();
    (provider, queue, dropped)
}
