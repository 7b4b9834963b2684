//! What the process tells about itself: lines on stderr, and, where an endpoint is set, traces and metrics by OTLP.

mod export;
mod health;
mod log;
mod queue;
mod settings;
mod wire;

pub(crate) use log::ineffective_directives;
pub use log::{Log, init_log};
pub use settings::{Endpoint, Settings};

use copilotkit_runtime::Lifecycle;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long the last spans and metrics may take when the server ends.
pub const FLUSH: Duration = Duration::from_secs(5);

/// Spans on their way to a collector. Made before the log is set up, and begun when there is a lifecycle to measure.
pub struct Exporter {
    settings: Settings,
    provider: SdkTracerProvider,
    spans: mpsc::Receiver<SpanData>,
    dropped: Arc<AtomicU64>,
}

/// An exporter that goes on.
pub struct Running {
    tasks: JoinSet<()>,
    /// Set when the rest is to be sent, to when that must be done.
    stop: CancellationToken,
    provider: SdkTracerProvider,
}

impl Exporter {
    /// An exporter for these settings.
    pub fn new(settings: Settings) -> Self {
        let (provider, spans, dropped) = queue::provider(&settings);
        Self { settings, provider, spans, dropped }
    }

    /// Where spans are made.
    pub fn tracer(&self) -> SdkTracer {
        self.provider.tracer("copilotkit")
    }

    /// Sends from now on what spans there are, and what the lifecycle measures. It must be called within tokio.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn run(self, lifecycle: Lifecycle) -> anyhow::Result<Running> {
        let stop = CancellationToken::new();
        let task = export::Task::new(self.settings, self.spans, self.dropped, lifecycle)?;
        let mut tasks = JoinSet::new();
        tasks.spawn(task.run(stop.clone()));
        Ok(Running { tasks, stop, provider: self.provider })
    }
}

impl Running {
    /// Sends the rest, for at most [`FLUSH`].
    pub async fn shut_down(mut self) {
        self.stop.cancel();
        let deadline = Instant::now() + FLUSH + Duration::from_secs(1);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout_at(deadline, ended).await.is_err() {
            tracing::warn!("the last traces and metrics could not be sent in time");
        }
        // Its queue is closed by now: there is nothing that it could wait for.
        let _ = self.provider.shutdown();
    }
}
