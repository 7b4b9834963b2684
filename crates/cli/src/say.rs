//! What a server tells of itself beside its log: for people, or as lines of JSON where the log has those.

use crate::config::{Config, LogFormat};

/// How it is told. With JSON the log has to be set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Say {
    json: bool,
}

impl Say {
    /// As the log of a configuration is written.
    pub(crate) fn of(config: &Config) -> Self {
        Self { json: config.logging.format == LogFormat::Json }
    }

    /// That something happened.
    pub(crate) fn note(self, text: &str) {
        match self.json {
            true => tracing::info!(target: "copilotkit::serve", "{text}"),
            false => eprintln!("copilotkit: {text}"),
        }
    }

    /// That something is not as somebody may think.
    pub(crate) fn warn(self, text: &str) {
        match self.json {
            // What to do stands on a line of its own for people.
            true => tracing::warn!(target: "copilotkit::serve", "{}", text.replace("\n  ", "; ")),
            false => eprintln!("copilotkit: warning: {text}"),
        }
    }
}
