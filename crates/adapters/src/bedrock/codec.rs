//! The state machine from events of the service to model events.

use super::event::{Event, Reasoning, Usage};
use super::{BEDROCK, REDACTED, THINKING};
use crate::dialect::{Blocks, Calls, Codec, CodecOptions, Counts, Envelope, Stage, cut_off, foreign, protocol};
use copilotkit_runtime::model::{FinishReason, ModelError, ModelEvent};

/// Reads one answer of the Converse API.
#[derive(Debug)]
pub struct ConverseCodec {
    options: CodecOptions,
    blocks: Blocks,
    calls: Calls,
    /// The block whose text or thinking is being written: only tools say that they begin.
    index: Option<u64>,
    signature: String,
    redacted: String,
    finish: Option<FinishReason>,
    had_data: bool,
    usage: Option<Usage>,
}

impl ConverseCodec {
    /// A codec for one answer.
    pub fn new(options: CodecOptions) -> Self {
        Self {
            calls: Calls::new(options.id_prefix.clone()),
            options,
            blocks: Blocks::default(),
            index: None,
            signature: String::new(),
            redacted: String::new(),
            finish: None,
            had_data: false,
            usage: None,
        }
    }

    fn delta(&mut self, index: u64, event: &Event<'_>, out: &mut Vec<ModelEvent>) {
        let Some(delta) = &event.delta else { return };
        if let Some(tool) = &delta.tool_use {
            self.calls.delta(index, &tool.input.0, out);
            return;
        }
        if self.index != Some(index) {
            self.stop_text(out);
            self.index = Some(index);
        }
        if let Some(reasoning) = &delta.reasoning_content {
            self.reasoning(reasoning, out);
        }
        self.blocks.text(None, &delta.text.0, out);
    }

    fn reasoning(&mut self, reasoning: &Reasoning<'_>, out: &mut Vec<ModelEvent>) {
        self.blocks.reasoning(None, &reasoning.text.0, out);
        self.signature.push_str(&reasoning.signature.0);
        self.redacted.push_str(&reasoning.redacted_content.0);
        self.redacted.push_str(&reasoning.data.0);
    }

    fn stop_text(&mut self, out: &mut Vec<ModelEvent>) {
        self.index = None;
        for (kind, value) in [(THINKING, &mut self.signature), (REDACTED, &mut self.redacted)] {
            let value = std::mem::take(value);
            if !value.is_empty() {
                self.blocks.begin_reasoning(None, out);
                self.blocks.end_reasoning(Some(Envelope::new(BEDROCK, kind, value).seal()), out);
            }
        }
        self.blocks.close(out);
    }

    /// Tokens that were read from the cache or written to it are counted beside the others there.
    fn counts(&self) -> Counts {
        let Some(usage) = self.usage else { return Counts::default() };
        let (read, write) = (usage.cache_read_input_tokens.0, usage.cache_write_input_tokens.0);
        let plus = |count: u64| count.saturating_add(write.unwrap_or(0)).saturating_add(read.unwrap_or(0));
        Counts {
            input: usage.input_tokens.0.map(plus),
            output: usage.output_tokens.0,
            reasoning: None,
            cached: read,
            cache_write: write,
        }
    }
}

fn stop_reason(reason: &str) -> FinishReason {
    match reason {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}

impl Codec for ConverseCodec {
    fn on_event(&mut self, name: &str, data: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        self.had_data = true;
        if !matches!(name, "contentBlockDelta" | "contentBlockStart" | "contentBlockStop" | "messageStop" | "metadata")
        {
            return Ok(());
        }
        let event: Event<'_> = serde_json::from_slice(data).map_err(|cause| foreign(&cause))?;
        let index = event.content_block_index.0.unwrap_or(0);
        match name {
            "contentBlockDelta" => self.delta(index, &event, out),
            "contentBlockStart" => {
                if let Some(tool) = event.start.as_ref().and_then(|start| start.tool_use.as_ref()) {
                    self.stop_text(out);
                    self.calls.start(index, tool.tool_use_id.filled(), tool.name.filled(), out)?;
                }
            }
            "contentBlockStop" => {
                self.calls.end(index, None, out);
                if self.index == Some(index) {
                    self.stop_text(out);
                }
            }
            "messageStop" if event.stop_reason.0 == "malformed_tool_use" => {
                return Err(protocol("the model made a tool call that cannot be used"));
            }
            "messageStop" => self.finish = Some(stop_reason(&event.stop_reason.0)),
            _ => self.usage = event.usage.or(self.usage),
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        let reason = self.finish.ok_or_else(|| cut_off(self.had_data))?;
        self.stop_text(out);
        self.calls.end_all(!matches!(reason, FinishReason::Stop | FinishReason::ToolCalls), out);
        let usage = self.counts().into_usage(&self.options.provider, &self.options.model);
        out.push(ModelEvent::Finish { reason, usage });
        Ok(())
    }

    fn stage(&self) -> Stage {
        match (self.finish, self.usage) {
            (None, _) => Stage::Open,
            (Some(_), None) => Stage::Answered,
            (Some(_), Some(_)) => Stage::Done,
        }
    }
}
