//! The state machine from chunks to model events.

use super::arguments::Arguments;
use super::chunk::{Candidate, Chunk, FunctionCall, Part, Usage};
use super::{TEXT, THOUGHT};
use crate::dialect::{Blocks, Calls, Codec, CodecOptions, Counts, Envelope, GOOGLE, Stage, cut_off, error, foreign};
use copilotkit_runtime::model::{FinishReason, ModelError, ModelErrorKind, ModelEvent};
use serde_json::value::RawValue;

/// Reads one answer of Gemini.
#[derive(Debug)]
pub struct GeminiCodec {
    options: CodecOptions,
    blocks: Blocks,
    calls: Calls,
    /// How many calls there were; each is known by its number.
    count: u64,
    /// The call whose arguments come in pieces.
    open: Option<Open>,
    finish: Option<FinishReason>,
    had_data: bool,
    usage: Usage,
}

#[derive(Debug)]
struct Open {
    signature: Option<String>,
    arguments: Arguments,
}

impl GeminiCodec {
    /// A codec for one answer.
    pub fn new(options: CodecOptions) -> Self {
        Self {
            calls: Calls::new(options.id_prefix.clone()),
            options,
            blocks: Blocks::default(),
            count: 0,
            open: None,
            finish: None,
            had_data: false,
            usage: Usage::default(),
        }
    }

    fn chunk(&mut self, chunk: &Chunk<'_>, data: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        if chunk.error.is_some_and(|error| error.get() != "null") {
            return Err(error::from_frame(data));
        }
        self.usage = chunk.usage_metadata.unwrap_or(self.usage);
        if chunk.prompt_feedback.as_ref().and_then(|feedback| feedback.block_reason.filled()).is_some() {
            self.finish = Some(FinishReason::ContentFilter);
        }
        for candidate in chunk.candidates.iter().flatten() {
            if candidate.index.0.unwrap_or(0) == 0 {
                self.candidate(candidate, out)?;
            }
        }
        Ok(())
    }

    fn candidate(&mut self, candidate: &Candidate<'_>, out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        let parts = candidate.content.as_ref().and_then(|content| content.parts.as_ref());
        for part in parts.into_iter().flatten() {
            self.part(part, out)?;
        }
        self.finish = match candidate.finish_reason.filled() {
            None | Some("FINISH_REASON_UNSPECIFIED") => self.finish,
            Some("STOP") => Some(FinishReason::Stop),
            Some("MAX_TOKENS" | "CONTINUATION") => Some(FinishReason::Length),
            Some(
                "SAFETY"
                | "RECITATION"
                | "LANGUAGE"
                | "BLOCKLIST"
                | "PROHIBITED_CONTENT"
                | "SPII"
                | "IMAGE_SAFETY"
                | "IMAGE_PROHIBITED_CONTENT"
                | "MODEL_ARMOR",
            ) => Some(FinishReason::ContentFilter),
            Some(code @ ("MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS")) => {
                let said = candidate.finish_message.filled().map(|text| format!(": {text}")).unwrap_or_default();
                let message = format!("the model made a tool call that cannot be used ({code}){said}");
                return Err(error::finished(ModelErrorKind::Provider, code, &message));
            }
            Some("OTHER") => Some(FinishReason::Other),
            // Some that imitate Gemini have a word of their own for a stop at a call.
            Some(_) if self.calls.any() => Some(FinishReason::Stop),
            Some(_) => Some(FinishReason::Other),
        };
        Ok(())
    }

    fn part(&mut self, part: &Part<'_>, out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        let signature = part.thought_signature.filled();
        if let Some(call) = &part.function_call {
            return self.call(call, signature, out);
        }
        if part.thought == Some(true) {
            self.blocks.reasoning(None, &part.text.0, out);
            if let Some(signature) = signature {
                self.blocks.begin_reasoning(None, out);
                self.blocks.end_reasoning(Some(Envelope::new(GOOGLE, THOUGHT, signature).seal()), out);
            }
            return Ok(());
        }
        self.blocks.text(None, &part.text.0, out);
        if let Some(signature) = signature {
            out.push(ModelEvent::TextSignature(Envelope::new(GOOGLE, TEXT, signature).seal()));
        }
        Ok(())
    }

    /// A whole call, the beginning of one, or more of the one that is open: a call without a name.
    fn call(
        &mut self,
        call: &FunctionCall<'_>,
        signature: Option<&str>,
        out: &mut Vec<ModelEvent>,
    ) -> Result<(), ModelError> {
        let signature = signature.map(Envelope::thought_signature);
        if call.name.filled().is_some() || self.open.is_none() {
            self.end_call(out);
            self.blocks.close(out);
            self.calls.start(self.count, call.id.filled(), call.name.filled(), out)?;
            self.open = Some(Open { signature, arguments: Arguments::default() });
        } else if let (Some(open), Some(signature)) = (&mut self.open, signature) {
            open.signature = Some(signature);
        }
        let args = call.args.map_or("", RawValue::get);
        if !matches!(args, "" | "null") && call.partial_args.is_none() && call.will_continue != Some(true) {
            self.calls.delta(self.count, args, out);
            if let Some(open) = self.open.take() {
                self.calls.end(self.count, open.signature, out);
                self.count += 1;
            }
            return Ok(());
        }
        if let (Some(open), Some(pieces)) = (&mut self.open, &call.partial_args) {
            let mut text = String::new();
            for piece in pieces {
                open.arguments.push(piece, &mut text)?;
            }
            self.calls.delta(self.count, &text, out);
        }
        if call.will_continue != Some(true) {
            self.end_call(out);
        }
        Ok(())
    }

    fn end_call(&mut self, out: &mut Vec<ModelEvent>) {
        if let Some(mut open) = self.open.take() {
            let mut text = String::new();
            open.arguments.finish(&mut text);
            self.calls.delta(self.count, &text, out);
            self.calls.end(self.count, open.signature, out);
            self.count += 1;
        }
    }

    fn counts(&self) -> Counts {
        let usage = self.usage;
        let (thoughts, tools) = (usage.thoughts_token_count.0, usage.tool_use_prompt_token_count.0);
        let input = usage.prompt_token_count.0.map(|count| count.saturating_add(tools.unwrap_or(0)));
        // A prompt that was blocked has an answer of nothing.
        let written = usage.candidates_token_count.0.or(input.map(|_| 0));
        Counts {
            input,
            output: written.map(|count| count.saturating_add(thoughts.unwrap_or(0))),
            reasoning: thoughts,
            cached: usage.cached_content_token_count.0,
            cache_write: None,
        }
    }
}

impl Codec for GeminiCodec {
    fn on_event(&mut self, _: &str, data: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        let data = data.trim_ascii();
        if data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        self.had_data = true;
        let chunk: Chunk<'_> = serde_json::from_slice(data).map_err(|cause| foreign(&cause))?;
        self.chunk(&chunk, data, out)
    }

    fn finish(&mut self, out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        let mut reason = self.finish.ok_or_else(|| cut_off(self.had_data))?;
        let cut = !matches!(reason, FinishReason::Stop);
        if reason == FinishReason::Stop && self.calls.any() {
            reason = FinishReason::ToolCalls;
        }
        self.blocks.close(out);
        if cut {
            self.calls.end_all(true, out);
        } else {
            self.end_call(out);
        }
        let usage = self.counts().into_usage(&self.options.provider, &self.options.model);
        out.push(ModelEvent::Finish { reason, usage });
        Ok(())
    }

    fn stage(&self) -> Stage {
        if self.finish.is_some() { Stage::Answered } else { Stage::Open }
    }

    /// Without `alt=sse`, and behind some gateways, the chunks come as one array.
    fn on_whole(&mut self, body: &[u8], out: &mut Vec<ModelEvent>) -> Result<bool, ModelError> {
        let chunks = match serde_json::from_slice::<Vec<&RawValue>>(body) {
            Ok(chunks) => chunks,
            Err(_) => serde_json::from_slice::<&RawValue>(body).into_iter().collect(),
        };
        let is_answer = |chunk: &&RawValue| {
            serde_json::from_str::<Chunk<'_>>(chunk.get())
                .is_ok_and(|chunk| chunk.candidates.is_some() || chunk.prompt_feedback.is_some())
        };
        if !chunks.first().is_some_and(is_answer) {
            return Ok(false);
        }
        for chunk in chunks {
            self.on_event("", chunk.get().as_bytes(), out)?;
        }
        Ok(true)
    }
}
