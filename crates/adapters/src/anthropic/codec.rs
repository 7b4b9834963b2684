//! The state machine from events of the service to model events. Event, block and delta types that it does not know are
//! skipped: the service adds some from time to time.

use super::event::{Block, Delta, Event, Usage, Whole};
use super::{ANTHROPIC, REDACTED, THINKING};
use crate::dialect::{Blocks, Calls, Codec, CodecOptions, Counts, Envelope, Stage, cut_off, error, foreign};
use copilotkit_runtime::model::{FinishReason, ModelError, ModelEvent};

/// Reads one answer of the Messages API.
#[derive(Debug)]
pub struct MessagesCodec {
    options: CodecOptions,
    blocks: Blocks,
    calls: Calls,
    /// The block whose text or thinking is being written.
    index: Option<u64>,
    signature: String,
    finish: Option<FinishReason>,
    stopped: bool,
    had_data: bool,
    usage: Usage,
}

impl MessagesCodec {
    /// A codec for one answer.
    pub fn new(options: CodecOptions) -> Self {
        Self {
            calls: Calls::new(options.id_prefix.clone()),
            options,
            blocks: Blocks::default(),
            index: None,
            signature: String::new(),
            finish: None,
            stopped: false,
            had_data: false,
            usage: Usage::default(),
        }
    }

    fn event(&mut self, event: &Event<'_>, data: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        let index = event.index.0.unwrap_or(0);
        match &*event.kind.0 {
            "content_block_delta" => {
                if let Some(delta) = &event.delta {
                    self.delta(index, delta, out);
                }
            }
            "content_block_start" => {
                if let Some(block) = &event.content_block {
                    self.start(index, block, out)?;
                }
            }
            "content_block_stop" => self.stop(index, out),
            "message_start" => {
                self.usage = event.message.as_ref().and_then(|message| message.usage).unwrap_or_default();
            }
            "message_delta" => {
                self.usage = event.usage.unwrap_or_default().or(self.usage);
                if let Some(reason) = event.delta.as_ref().and_then(|delta| delta.stop_reason.filled()) {
                    self.finish = Some(stop_reason(reason));
                }
            }
            "message_stop" => self.stopped = true,
            "error" => {
                let inner = event.error.filter(|error| error.get() != "null");
                return Err(error::from_frame(inner.map_or(data, |error| error.get().as_bytes())));
            }
            "" if event.error.is_some() => return Err(error::from_frame(data)),
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, index: u64, block: &Block<'_>, out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        self.stop_text(out);
        match &*block.kind.0 {
            "text" => {
                self.index = Some(index);
                self.blocks.text(None, &block.text.0, out);
            }
            "thinking" => {
                self.index = Some(index);
                self.blocks.reasoning(None, &block.thinking.0, out);
                self.signature.push_str(&block.signature.0);
            }
            "redacted_thinking" => {
                self.blocks.begin_reasoning(None, out);
                let value = Envelope::new(ANTHROPIC, REDACTED, &*block.data.0).seal();
                self.blocks.end_reasoning(Some(value), out);
            }
            "tool_use" => {
                self.calls.start(index, block.id.filled(), block.name.filled(), out)?;
                // Arguments that are there from the beginning come in no deltas.
                let input = block.input.map_or("", |input| input.get());
                if !matches!(input.as_bytes(), [] | b"{}" | b"null") {
                    self.calls.delta(index, input, out);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn delta(&mut self, index: u64, delta: &Delta<'_>, out: &mut Vec<ModelEvent>) {
        match &*delta.kind.0 {
            "input_json_delta" => self.calls.delta(index, &delta.partial_json.0, out),
            "text_delta" => self.blocks.text(None, &delta.text.0, out),
            "thinking_delta" => self.blocks.reasoning(None, &delta.thinking.0, out),
            "signature_delta" => self.signature.push_str(&delta.signature.0),
            _ => {}
        }
    }

    fn stop(&mut self, index: u64, out: &mut Vec<ModelEvent>) {
        self.calls.end(index, None, out);
        if self.index == Some(index) {
            self.stop_text(out);
        }
    }

    fn stop_text(&mut self, out: &mut Vec<ModelEvent>) {
        self.index = None;
        let signature = std::mem::take(&mut self.signature);
        if !signature.is_empty() {
            // Thinking that is not shown is signed too.
            self.blocks.begin_reasoning(None, out);
            self.blocks.end_reasoning(Some(Envelope::new(ANTHROPIC, THINKING, signature).seal()), out);
        }
        self.blocks.close(out);
    }

    /// Tokens that were read from the cache or written to it are counted beside the others there.
    fn counts(&self) -> Counts {
        let usage = self.usage;
        let (write, read) = (usage.cache_creation_input_tokens.0, usage.cache_read_input_tokens.0);
        let plus = |count: u64| count.saturating_add(write.unwrap_or(0)).saturating_add(read.unwrap_or(0));
        Counts {
            input: usage.input_tokens.0.map(plus),
            output: usage.output_tokens.0,
            reasoning: usage.output_tokens_details.and_then(|details| details.thinking_tokens.0),
            cached: read,
            cache_write: write,
        }
    }
}

fn stop_reason(reason: &str) -> FinishReason {
    match reason {
        // A turn that the service paused goes on when it is asked again.
        "end_turn" | "stop_sequence" | "pause_turn" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}

impl Codec for MessagesCodec {
    fn on_event(&mut self, _: &str, data: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        let data = data.trim_ascii();
        if self.stopped || data.is_empty() {
            return Ok(());
        }
        self.had_data = true;
        let event: Event<'_> = serde_json::from_slice(data).map_err(|cause| foreign(&cause))?;
        self.event(&event, data, out)
    }

    fn finish(&mut self, out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        // A few services leave the last event out; the reason is what counts.
        let reason = self.finish.ok_or_else(|| cut_off(self.had_data))?;
        self.stop_text(out);
        self.calls.end_all(!matches!(reason, FinishReason::Stop | FinishReason::ToolCalls), out);
        let usage = self.counts().into_usage(&self.options.provider, &self.options.model);
        out.push(ModelEvent::Finish { reason, usage });
        Ok(())
    }

    fn stage(&self) -> Stage {
        match (self.stopped, self.finish) {
            (true, _) => Stage::Done,
            (false, Some(_)) => Stage::Answered,
            (false, None) => Stage::Open,
        }
    }

    fn on_whole(&mut self, body: &[u8], out: &mut Vec<ModelEvent>) -> Result<bool, ModelError> {
        let Ok(whole) = serde_json::from_slice::<Whole<'_>>(body) else { return Ok(false) };
        for (index, block) in whole.content.iter().enumerate() {
            self.start(index as u64, block, out)?;
            self.stop(index as u64, out);
        }
        self.usage = whole.usage.unwrap_or_default();
        self.finish = Some(stop_reason(&whole.stop_reason.0));
        Ok(true)
    }
}
