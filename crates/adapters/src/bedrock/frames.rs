//! AWS's event stream: binary frames with checksums.

use crate::dialect::{error, protocol};
use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::Message;
use bytes::{Bytes, BytesMut};
use copilotkit_runtime::model::ModelError;

/// Length of a frame, length of its headers, checksum of both.
const PRELUDE: usize = 12;

/// Cuts frames out of bytes. Push pieces of any size, and take frames until there is none.
#[derive(Debug)]
pub struct Frames {
    limit: usize,
    buffer: BytesMut,
    failed: bool,
}

impl Frames {
    /// Refuses a frame of more than `max_frame_bytes`.
    pub fn new(max_frame_bytes: usize) -> Self {
        Self { limit: max_frame_bytes, buffer: BytesMut::new(), failed: false }
    }

    /// Adds what came next. Take the frames that it completes before adding more.
    pub fn push(&mut self, piece: &[u8]) {
        if !self.failed {
            self.buffer.extend_from_slice(piece);
        }
    }

    /// The next event: its type and its payload. After an error it says nothing more.
    ///
    /// # Errors
    /// An exception that the service reports, a frame that is none, or bytes that are left at the end.
    #[allow(clippy::should_implement_trait, reason = "the end of the body is told by the caller")]
    pub fn next(&mut self, at_end: bool) -> Option<Result<(Bytes, Bytes), ModelError>> {
        let next = self.take(at_end).transpose()?;
        self.failed |= next.is_err();
        if self.failed {
            self.buffer.clear();
        }
        Some(next.and_then(|message| read(&message)))
    }

    fn take(&mut self, at_end: bool) -> Result<Option<Message>, ModelError> {
        let Some(length) = self.buffer.first_chunk::<4>().map(|length| u32::from_be_bytes(*length) as usize) else {
            return self.incomplete(at_end);
        };
        if length < PRELUDE + 4 {
            return Err(protocol("the model's stream holds something else than frames of AWS"));
        }
        if length > self.limit {
            return Err(protocol(format!("a frame of the stream is larger than {} bytes", self.limit)));
        }
        if self.buffer.len() < length {
            return self.incomplete(at_end);
        }
        let frame = self.buffer.split_to(length).freeze();
        match read_message_from(frame) {
            Ok(message) => Ok(Some(message)),
            Err(cause) => Err(protocol(format!("a frame of the stream is damaged: {cause}"))),
        }
    }

    fn incomplete(&self, at_end: bool) -> Result<Option<Message>, ModelError> {
        if at_end && !self.buffer.is_empty() {
            return Err(protocol("the model's stream ended in the middle of a frame"));
        }
        Ok(None)
    }
}

fn read(message: &Message) -> Result<(Bytes, Bytes), ModelError> {
    let header = |name: &str| {
        let header = message.headers().iter().find(|header| header.name().as_str() == name)?;
        header.value().as_string().ok().map(|text| text.as_str().to_owned())
    };
    let payload = message.payload().clone();
    match header(":message-type").as_deref() {
        Some("exception") => Err(error::named(&header(":exception-type").unwrap_or_default(), &payload)),
        Some("error") => {
            let said = header(":error-message").unwrap_or_default();
            let body = serde_json::json!({ "message": said }).to_string();
            Err(error::named(&header(":error-code").unwrap_or_default(), body.as_bytes()))
        }
        _ => Ok((header(":event-type").unwrap_or_default().into(), payload)),
    }
}
