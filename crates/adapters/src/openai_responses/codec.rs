//! The state machine from events of the service to model events.

use super::REASONING;
use super::event::{Event, Item, Response, Usage, Whole};
use crate::dialect::{Blocks, Calls, Codec, CodecOptions, Counts, Envelope, Stage, cut_off, error, foreign};
use copilotkit_runtime::model::{FinishReason, ModelError, ModelEvent};

/// Reads one answer of the Responses API.
#[derive(Debug)]
pub struct ResponsesCodec {
    options: CodecOptions,
    blocks: Blocks,
    calls: Calls,
    /// The message or reasoning whose text came in pieces: its whole form is no news.
    streamed: Option<String>,
    /// Blocks that the open reasoning item has so far.
    summaries: usize,
    finish: Option<FinishReason>,
    refused: bool,
    had_data: bool,
    usage: Option<Usage>,
}

impl ResponsesCodec {
    /// A codec for one answer.
    pub fn new(options: CodecOptions) -> Self {
        Self {
            calls: Calls::new(options.id_prefix.clone()),
            options,
            blocks: Blocks::default(),
            streamed: None,
            summaries: 0,
            finish: None,
            refused: false,
            had_data: false,
            usage: None,
        }
    }

    fn event(&mut self, event: &Event<'_>, data: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        let key = event.output_index.0.unwrap_or(0);
        match &*event.kind.0 {
            "response.output_text.delta" => self.text(event, out),
            "response.refusal.delta" => {
                self.refused = true;
                self.text(event, out);
            }
            "response.function_call_arguments.delta" => self.calls.delta(key, &event.delta.0, out),
            "response.function_call_arguments.done" => self.calls.whole(key, &event.arguments.0, out),
            "response.reasoning_summary_part.added" if event.summary_index.0.unwrap_or(0) > 0 => {
                self.blocks.close(out);
            }
            "response.reasoning_summary_text.delta" => {
                let index = event.summary_index.0.unwrap_or(0);
                self.reasoning(event, &format_args!(":{index}"), out);
            }
            "response.reasoning_text.delta" => self.reasoning(event, &"", out),
            "response.output_item.added" => {
                if let Some(item) = &event.item {
                    self.item_added(key, item, out)?;
                }
            }
            "response.output_item.done" => {
                if let Some(item) = &event.item {
                    self.item_done(key, item, out)?;
                }
            }
            "response.completed" | "response.incomplete" => self.complete(event.response.as_ref()),
            "response.failed" => {
                let error = event.response.as_ref().and_then(|response| response.error);
                return Err(error::from_frame(error.map_or(data, |error| error.get().as_bytes())));
            }
            "error" => {
                let inner = event.error.filter(|error| error.get() != "null");
                return Err(error::from_frame(inner.map_or(data, |error| error.get().as_bytes())));
            }
            "" if event.error.is_some() => return Err(error::from_frame(data)),
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, event: &Event<'_>, out: &mut Vec<ModelEvent>) {
        self.streamed(&event.item_id.0);
        self.blocks.text(event.item_id.filled(), &event.delta.0, out);
    }

    fn reasoning(&mut self, event: &Event<'_>, suffix: &dyn std::fmt::Display, out: &mut Vec<ModelEvent>) {
        self.streamed(&event.item_id.0);
        if event.delta.0.is_empty() {
            return;
        }
        if !self.blocks.is_reasoning() {
            self.summaries += 1;
            let id = event.item_id.filled().map(|id| format!("{id}{suffix}"));
            self.blocks.begin_reasoning(id.as_deref(), out);
        }
        self.blocks.reasoning(None, &event.delta.0, out);
    }

    fn streamed(&mut self, id: &str) {
        if self.streamed.as_deref() != Some(id) {
            self.streamed = Some(id.to_owned());
        }
    }

    fn item_added(&mut self, key: u64, item: &Item<'_>, out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        self.blocks.close(out);
        self.summaries = 0;
        if item.kind.0 == "function_call" {
            self.calls.start(key, item.call_id.filled(), item.name.filled(), out)?;
            self.calls.delta(key, &item.arguments.0, out);
        }
        Ok(())
    }

    fn item_done(&mut self, key: u64, item: &Item<'_>, out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        match &*item.kind.0 {
            "function_call" => {
                if !self.calls.is_open(key) {
                    self.blocks.close(out);
                    self.calls.start(key, item.call_id.filled(), item.name.filled(), out)?;
                }
                self.calls.whole(key, &item.arguments.0, out);
                self.calls.end(key, None, out);
            }
            "reasoning" => self.reasoning_done(item, out),
            "message" => {
                if self.streamed.as_deref() != Some(&item.id.0) {
                    for part in item.content.iter().flatten() {
                        self.refused |= part.refusal.filled().is_some();
                        self.blocks.text(item.id.filled(), &part.text.0, out);
                        self.blocks.text(item.id.filled(), &part.refusal.0, out);
                    }
                }
                self.blocks.close(out);
            }
            _ => {}
        }
        Ok(())
    }

    /// What has to come back stands in the finished item: the one of its beginning is not valid.
    fn reasoning_done(&mut self, item: &Item<'_>, out: &mut Vec<ModelEvent>) {
        if let Some(encrypted) = item.encrypted_content.filled() {
            if !self.blocks.is_reasoning() {
                let id = item.id.filled().map(|id| format!("{id}:{}", self.summaries));
                self.summaries += 1;
                self.blocks.begin_reasoning(id.as_deref(), out);
            }
            let mut envelope = Envelope::new(&self.options.provider, REASONING, encrypted);
            envelope.id = item.id.filled().map(str::to_owned);
            envelope.blocks = Some(self.summaries);
            self.blocks.end_reasoning(Some(envelope.seal()), out);
        }
        self.blocks.close(out);
        self.summaries = 0;
    }

    fn complete(&mut self, response: Option<&Response<'_>>) {
        self.usage = response.and_then(|response| response.usage).or(self.usage);
        let reason = response.and_then(|response| response.incomplete_details.as_ref());
        let cut = response.is_some_and(|response| response.status.0 == "incomplete");
        self.finish = Some(match reason.and_then(|reason| reason.reason.filled()) {
            Some("max_output_tokens" | "max_tokens") => FinishReason::Length,
            Some("content_filter") => FinishReason::ContentFilter,
            Some(_) => FinishReason::Other,
            None if cut => FinishReason::Other,
            None if self.calls.any() => FinishReason::ToolCalls,
            None if self.refused => FinishReason::ContentFilter,
            None => FinishReason::Stop,
        });
    }
}

impl Codec for ResponsesCodec {
    fn on_event(&mut self, _: &str, data: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        let data = data.trim_ascii();
        if self.finish.is_some() || data.is_empty() {
            return Ok(());
        }
        self.had_data = true;
        if data == b"[DONE]" {
            return Ok(());
        }
        let event: Event<'_> = serde_json::from_slice(data).map_err(|cause| foreign(&cause))?;
        self.event(&event, data, out)
    }

    fn finish(&mut self, out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        let reason = self.finish.ok_or_else(|| cut_off(self.had_data))?;
        self.blocks.close(out);
        self.calls.end_all(!matches!(reason, FinishReason::Stop | FinishReason::ToolCalls), out);
        let usage = self.usage.unwrap_or_default();
        let (read, written) = (usage.input_tokens_details.unwrap_or_default(), usage.output_tokens_details);
        let counts = Counts {
            input: usage.input_tokens.0,
            output: usage.output_tokens.0,
            reasoning: written.and_then(|written| written.reasoning_tokens.0),
            cached: read.cached_tokens.0,
            cache_write: read.cache_write_tokens.0,
        };
        let usage = counts.into_usage(&self.options.provider, &self.options.model);
        out.push(ModelEvent::Finish { reason, usage });
        Ok(())
    }

    fn stage(&self) -> Stage {
        if self.finish.is_some() { Stage::Done } else { Stage::Open }
    }

    fn on_whole(&mut self, body: &[u8], out: &mut Vec<ModelEvent>) -> Result<bool, ModelError> {
        let Ok(whole) = serde_json::from_slice::<Whole<'_>>(body) else { return Ok(false) };
        if !matches!(&*whole.status.0, "completed" | "incomplete") {
            return Ok(false);
        }
        for (key, item) in whole.output.iter().enumerate() {
            let item: Item<'_> = serde_json::from_str(item.get()).map_err(|cause| foreign(&cause))?;
            self.item_done(key as u64, &item, out)?;
        }
        let response: Response<'_> = serde_json::from_slice(body).map_err(|cause| foreign(&cause))?;
        self.complete(Some(&response));
        Ok(true)
    }
}
