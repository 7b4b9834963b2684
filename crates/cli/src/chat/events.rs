//! The events of one run or replay, as they come.

use super::wire::Reply;
use anyhow::{Context as _, Result};
use bytes::Bytes;
use copilotkit_protocol::sse::Decoder;
use copilotkit_protocol::{Emitted, Event, Expander};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use std::collections::VecDeque;

/// The largest event, in bytes: more than any server sends.
const EVENT_MAX: usize = 16 * 1024 * 1024;

/// The events of a stream.
pub(super) struct Events {
    body: BoxStream<'static, Result<Bytes>>,
    decoder: Decoder,
    expander: Expander,
    /// Expanded, not yet taken.
    ready: VecDeque<Event>,
    ended: bool,
}

/// What came next.
pub(super) enum Next {
    /// As the server wrote it.
    Raw(Bytes),
    /// The stream is over.
    End,
}

impl Events {
    pub(super) fn new(reply: Reply) -> Self {
        Self {
            body: reply.body,
            decoder: Decoder::new(EVENT_MAX),
            expander: Expander::new(),
            ready: VecDeque::new(),
            ended: false,
        }
    }

    /// The next event as it was written. Nothing is lost when this is dropped before it is done.
    pub(super) async fn next_raw(&mut self) -> Result<Next> {
        loop {
            let found = if self.ended { self.decoder.finish() } else { self.decoder.next() };
            match found {
                Some(event) => return Ok(Next::Raw(event.context("the stream cannot be read")?.data)),
                None if self.ended => return Ok(Next::End),
                None => match self.body.next().await {
                    Some(piece) => self.decoder.push(piece?),
                    None => self.ended = true,
                },
            }
        }
    }

    /// The next event, with chunks as starts, contents and ends. What is no event is left out.
    pub(super) async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let raw = match self.next_raw().await? {
                Next::Raw(raw) => raw,
                Next::End => return Ok(None),
            };
            let Ok(emitted) = Emitted::from_json(raw) else { continue };
            let mut out = Vec::new();
            if self.expander.push(emitted, &mut out).is_ok() {
                self.ready.extend(out.into_iter().map(Emitted::into_event));
            }
        }
    }
}
