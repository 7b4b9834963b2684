//! The lines on stderr. Whatever is written there passes one net for secrets.

use super::Exporter;
use crate::config::{LogFormat, LoggingConfig};
use copilotkit_runtime::telemetry::TARGET;
use copilotkit_runtime::telemetry::redact::blot;
use std::io::{self, IsTerminal as _, Write};
use tracing::Subscriber;
use tracing::metadata::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// What is shown unless `COPILOTKIT_LOG` says otherwise.
// rmcp writes whole addresses and what servers say; what matters of it is logged by who calls it.
const FILTER: &str = "warn,copilotkit=info,rmcp=off";

/// How lines are written.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    format: LogFormat,
    colours: bool,
}

impl Log {
    /// As it is configured, for a terminal or something else.
    pub fn new(config: &LoggingConfig, terminal: bool) -> Self {
        Self { format: config.format, colours: terminal && config.format == LogFormat::Auto }
    }

    /// A subscriber that writes such lines, and gives spans to an exporter if there is one. `directives` are those of
    /// `tracing-subscriber`'s `EnvFilter`; without any, warnings and what was asked for in the configuration.
    pub fn subscriber<W>(
        self,
        directives: Option<&str>,
        writer: W,
        exporter: Option<&Exporter>,
    ) -> impl Subscriber + Send + Sync + use<W>
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        let filter =
            directives.and_then(|text| EnvFilter::try_new(text).ok()).unwrap_or_else(|| EnvFilter::new(FILTER));
        let writer = Redacting(writer);
        let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(self.colours);
        let lines: Box<dyn Layer<Registry> + Send + Sync> = match self.format {
            LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
            LogFormat::Auto | LogFormat::Text => lines.boxed(),
        };
        // A span is about a run or a call: what the layer could add about the code that made it says nothing.
        let spans = exporter.map(|exporter| {
            tracing_opentelemetry::layer()
                .with_tracer(exporter.tracer())
                .with_location(false)
                .with_threads(false)
                .with_target(false)
                .with_level(false)
                .with_tracked_inactivity(false)
                .with_filter(Targets::new().with_target(TARGET, LevelFilter::INFO))
        });
        Registry::default().with(lines.with_filter(filter)).with(spans)
    }
}

/// What is wrong with directives that show something else than was meant.
pub(crate) fn ineffective_directives(text: &str) -> Option<String> {
    let remedy = "write error, warn, info, debug or trace, or one of them for a part, like copilotkit=debug";
    if EnvFilter::try_new(text).is_err() {
        return Some(format!("COPILOTKIT_LOG is `{text}`, which cannot be read, so it is passed over: {remedy}"));
    }
    // A word that is no level is the name of a part of the program, and everything else falls silent.
    let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
    let is_said = |one: &str| is_level(one) || one.contains('=') || one.starts_with("copilotkit");
    let mut words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let first = words.clone().next()?;
    (!words.any(is_said))
        .then(|| format!("COPILOTKIT_LOG is `{first}`, which is no level, so nothing is shown: {remedy}"))
}

/// Sets up the lines of this process. A log that was set up before stays.
pub fn init_log(config: &LoggingConfig, directives: Option<&str>, exporter: Option<&Exporter>) {
    let log = Log::new(config, io::stderr().is_terminal());
    let _ = log.subscriber(directives, io::stderr, exporter).try_init();
}

/// Blots secrets out. A line comes in one piece.
struct Redacting<W>(W);

struct RedactingWriter<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Redacting<W> {
    type Writer = RedactingWriter<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        RedactingWriter(self.0.make_writer())
    }
}

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(blot(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
