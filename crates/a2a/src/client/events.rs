//! The events of a stream.

use super::transport::{Envelope, clean};
use crate::card::Dialect;
use crate::error::A2aError;
use crate::limits;
use crate::types::{Event, read_event};
use crate::wire::ProtocolError;
use bytes::Bytes;
use copilotkit_protocol::sse::Decoder;
use copilotkit_runtime::agent::Pulse;
use copilotkit_runtime::client::StreamBody;
use copilotkit_runtime::telemetry::Call;
use std::fmt;
use std::time::Duration;
use tokio::time::timeout;

/// What stands around the JSON of an event in its frame.
const FIELD: usize = "data: ".len();

/// The events of an answer, in order. Dropping it closes the connection.
pub struct Events {
    source: Source,
    pulse: Pulse,
    /// The span of the call, which lasts as long as its answer.
    call: Option<Call>,
}

enum Source {
    /// An agent that does not stream after all.
    Whole(Option<Box<Event>>),
    Stream(Box<Stream>),
}

struct Stream {
    url: String,
    body: StreamBody,
    decoder: Decoder,
    dialect: Dialect,
    idle: Duration,
    over: bool,
}

impl Events {
    pub(super) fn whole(event: Event) -> Self {
        Self { source: Source::Whole(Some(Box::new(event))), pulse: Pulse::default(), call: None }
    }

    pub(super) fn stream(url: String, body: StreamBody, dialect: Dialect, idle: Duration) -> Self {
        let decoder = Decoder::new(limits::FRAME_BYTES + FIELD);
        let stream = Stream { url, body, decoder, dialect, idle, over: false };
        Self { source: Source::Stream(Box::new(stream)), pulse: Pulse::default(), call: None }
    }

    pub(super) fn with_pulse(mut self, pulse: Pulse) -> Self {
        self.pulse = pulse;
        self
    }

    pub(super) fn with_call(mut self, call: Call) -> Self {
        self.call = Some(call);
        self
    }

    /// The next event; `None` at the end of the stream, also where it is cut between two events. It can be dropped at any
    /// point without a loss.
    pub async fn next(&mut self) -> Option<Result<Event, A2aError>> {
        let next = match &mut self.source {
            Source::Whole(event) => event.take().map(|event| Ok(*event)),
            Source::Stream(stream) => stream.next(&self.pulse).await,
        };
        if let (Some(Err(error)), Some(call)) = (&next, &mut self.call) {
            call.finish(Err(error.code().as_str()));
        }
        next
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // Whoever has what it wants reads no further.
        if let Some(call) = self.call.take() {
            call.end(Ok(()));
        }
    }
}

impl Stream {
    async fn next(&mut self, pulse: &Pulse) -> Option<Result<Event, A2aError>> {
        loop {
            if self.over {
                return None;
            }
            while let Some(item) = self.decoder.next() {
                let event = match item {
                    Ok(event) if event.data.is_empty() => continue,
                    Ok(event) => self.read(&event.data),
                    Err(_) => Err(self.too_large()),
                };
                self.over |= event.is_err();
                return Some(event);
            }
            let error = match timeout(self.idle, self.body.next_batch()).await {
                Ok(Ok(Some(arrived))) => {
                    // Comments are life too, though they are no events.
                    pulse.beat();
                    self.decoder.push(arrived);
                    continue;
                }
                Ok(Ok(None)) => {
                    self.over = true;
                    // The last event counts without the empty line that should end it.
                    let last = self.decoder.finish()?.ok()?;
                    return self.read(&last.data).ok().map(Ok);
                }
                Ok(Err(error)) => A2aError::sent(&self.url, &error, self.idle),
                Err(_) => A2aError::Timeout { url: self.url.clone(), limit: self.idle },
            };
            self.over = true;
            return Some(Err(error));
        }
    }

    fn read(&self, data: &Bytes) -> Result<Event, A2aError> {
        let bad = |reason: String| A2aError::BadAnswer { url: self.url.clone(), reason };
        let failed = |error| A2aError::Protocol { url: self.url.clone(), error: clean(error) };
        let text = std::str::from_utf8(data).map_err(|_| bad("an event is not UTF-8".to_owned()))?;
        if self.dialect == Dialect::HttpJson {
            if let Some(error) = ProtocolError::from_http(text) {
                return Err(failed(error));
            }
            return read_event(text).map_err(|error| bad(error.to_string()));
        }
        let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        match (envelope.error, envelope.result) {
            (Some(error), _) => Err(failed(error)),
            (None, Some(result)) => read_event(result.get()).map_err(|error| bad(error.to_string())),
            (None, None) => read_event(text).map_err(|error| bad(error.to_string())),
        }
    }

    fn too_large(&self) -> A2aError {
        let what = format!("an event of more than {} bytes", limits::FRAME_BYTES);
        A2aError::TooLarge { url: self.url.clone(), what }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
