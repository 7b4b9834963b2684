//! The state machine from data payloads to model events. It does no I/O: bytes in, events out.

use super::chunk::{Choice, Chunk, Delta, Number, Usage};
use super::error;
use super::tracker::Tracker;
use copilotkit_protocol::TokenUsage;
use copilotkit_runtime::model::{FinishReason, ModelError, ModelErrorKind, ModelEvent};

/// What a codec has to know about the call.
#[derive(Clone, Debug, Default)]
pub struct CodecOptions {
    /// The vendor, for usage.
    pub provider: String,
    /// The model, for usage.
    pub model: String,
    /// What the ids begin with that are minted for tool calls without one; unique in the thread.
    pub id_prefix: String,
    /// True where the count of written tokens leaves the reasoning out and that of read ones may leave out the cached
    /// (xAI).
    pub usage_excludes_parts: bool,
}

/// Reads one answer of Chat Completions.
///
/// Feed it every data payload of the event stream in order, then call [`finish`](Self::finish) once. Arguments of tool
/// calls are handed on as they come and never put together here.
#[derive(Debug)]
pub struct Codec {
    options: CodecOptions,
    tracker: Tracker,
    open: Open,
    finish: Option<FinishReason>,
    refused: bool,
    had_output: bool,
    done: bool,
    usage: Option<Usage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Text,
    Reasoning,
}

impl Codec {
    /// A codec for one answer.
    pub fn new(options: CodecOptions) -> Self {
        let tracker = Tracker::new(options.id_prefix.clone());
        Self {
            options,
            tracker,
            open: Open::Nothing,
            finish: None,
            refused: false,
            had_output: false,
            done: false,
            usage: None,
        }
    }

    /// True once `[DONE]` came: nothing that follows matters.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// True once a finish reason came: what may follow is usage.
    pub fn has_finish_reason(&self) -> bool {
        self.finish.is_some()
    }

    /// True once something came that cannot be taken back: text, reasoning or a tool call.
    pub fn had_output(&self) -> bool {
        self.had_output
    }

    /// Takes one data payload and appends what it means to `out`.
    ///
    /// # Errors
    /// When the service reports an error, or sends something else than the dialect. What is open then stays open.
    pub fn on_data(&mut self, data: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        let data = data.trim_ascii();
        if self.done || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            self.done = true;
            return Ok(());
        }
        let chunk: Chunk<'_> = serde_json::from_slice(data)
            .map_err(|cause| protocol(format!("the model's stream holds something else than the dialect: {cause}")))?;
        let before = out.len();
        let result = self.chunk(&chunk, data, out);
        self.had_output |= out.len() > before;
        result
    }

    /// The end of the stream: closes what is open and says why the model stopped.
    ///
    /// # Errors
    /// When no finish reason came: the answer was cut off.
    pub fn finish(&mut self, out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        let Some(mut reason) = self.finish.take() else {
            return Err(protocol("the model's stream ended without a finish reason".to_owned()));
        };
        let plain = matches!(reason, FinishReason::Stop | FinishReason::Other);
        if plain && self.tracker.has_calls() {
            reason = FinishReason::ToolCalls;
        } else if plain && self.refused {
            reason = FinishReason::ContentFilter;
        }
        close(&mut self.open, out);
        self.tracker.finish(out)?;
        out.push(ModelEvent::Finish { reason, usage: self.usage() });
        Ok(())
    }

    fn chunk(&mut self, chunk: &Chunk<'_>, data: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        let groq_error = chunk.x_groq.as_ref().and_then(|groq| groq.error);
        if let Some(error) = [chunk.error, groq_error].into_iter().flatten().find(|error| error.get() != "null") {
            return Err(error::from_frame(error.get().as_bytes()));
        }
        // vLLM and Mistral put the error's members in the frame itself; gateways do so without a mark.
        if chunk.object.0 == "error" || (chunk.choices.is_none() && error::looks_like_error(data)) {
            return Err(error::from_frame(data));
        }
        let groq_usage = chunk.x_groq.as_ref().and_then(|groq| groq.usage);
        self.usage = chunk.usage.or(groq_usage).or(self.usage);
        for choice in chunk.choices.iter().flatten() {
            if choice.index.0.unwrap_or(0) == 0 {
                self.choice(choice, out)?;
            }
        }
        Ok(())
    }

    fn choice(&mut self, choice: &Choice<'_>, out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        if let Some(delta) = choice.delta.as_ref().or(choice.message.as_ref()) {
            self.delta(delta, out)?;
        }
        self.usage = choice.usage.or(self.usage);
        self.finish = match choice.finish_reason.filled() {
            None => self.finish,
            Some("stop" | "eos" | "end_turn" | "stop_sequence") => Some(FinishReason::Stop),
            Some("length" | "max_tokens" | "model_length") => Some(FinishReason::Length),
            Some("content_filter") => Some(FinishReason::ContentFilter),
            Some("tool_calls" | "function_call") => Some(FinishReason::ToolCalls),
            Some("insufficient_system_resource") => {
                let mut error = ModelError::new(
                    ModelErrorKind::Overloaded,
                    "the provider ran out of resources in the middle of the answer: try again",
                );
                error.provider_code = Some("insufficient_system_resource".to_owned());
                return Err(error);
            }
            Some("error") => {
                let message = "the provider ended the answer with an error and did not say which";
                return Err(ModelError::new(ModelErrorKind::Provider, message));
            }
            Some(_) => Some(FinishReason::Other),
        };
        Ok(())
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        // Some services send both names with the same text.
        let reasoning = [&delta.reasoning_content.0, &delta.reasoning.0].into_iter().find(|text| !text.is_empty());
        if let Some(text) = reasoning {
            self.reasoning(text, out);
        }
        self.reasoning(&delta.content.thinking, out);
        self.text(&delta.content.text, out);
        self.refused |= !delta.refusal.0.is_empty();
        self.text(&delta.refusal.0, out);
        let (tracker, open) = (&mut self.tracker, &mut self.open);
        for piece in delta.tool_calls.iter().flatten() {
            tracker.piece(piece, out, |out| close(open, out))?;
        }
        Ok(())
    }

    fn text(&mut self, text: &str, out: &mut Vec<ModelEvent>) {
        if text.is_empty() {
            return;
        }
        if self.open != Open::Text {
            close(&mut self.open, out);
            out.push(ModelEvent::TextStart { id: None });
            self.open = Open::Text;
        }
        out.push(ModelEvent::TextDelta(text.to_owned()));
    }

    fn reasoning(&mut self, text: &str, out: &mut Vec<ModelEvent>) {
        if text.is_empty() {
            return;
        }
        if self.open != Open::Reasoning {
            close(&mut self.open, out);
            out.push(ModelEvent::ReasoningStart { id: None });
            self.open = Open::Reasoning;
        }
        out.push(ModelEvent::ReasoningDelta(text.to_owned()));
    }

    /// AG-UI counts cached tokens as read and reasoning as written; nothing known is an empty usage.
    fn usage(&self) -> TokenUsage {
        let Some(usage) = self.usage else { return TokenUsage::default() };
        let prompt = usage.prompt_tokens_details.unwrap_or_default();
        let reasoning = usage.completion_tokens_details.and_then(|details| details.reasoning_tokens.0);
        let Number(cached) =
            if prompt.cached_tokens.0.is_some() { prompt.cached_tokens } else { usage.prompt_cache_hit_tokens };
        let mut input = usage.prompt_tokens.0;
        let mut output = usage.completion_tokens.0;
        if self.options.usage_excludes_parts {
            output = output.map(|count| count.saturating_add(reasoning.unwrap_or(0)));
            input = input.map(|count| match cached {
                Some(cached) if cached > count => count.saturating_add(cached),
                _ => count,
            });
        }
        let safe = |count: u64| count.min(copilotkit_protocol::wire::MAX_SAFE_INTEGER.unsigned_abs());
        let total = input.zip(output).map(|(input, output)| safe(input.saturating_add(output)));
        TokenUsage {
            provider: Some(self.options.provider.clone()),
            model: Some(self.options.model.clone()),
            input_tokens: input.map(safe),
            output_tokens: output.map(safe),
            total_tokens: total,
            reasoning_tokens: reasoning.map(safe),
            cached_input_tokens: cached.map(safe),
            cache_write_input_tokens: prompt.cache_write_tokens.0.map(safe),
            ..TokenUsage::default()
        }
    }
}

fn close(open: &mut Open, out: &mut Vec<ModelEvent>) {
    match std::mem::replace(open, Open::Nothing) {
        Open::Nothing => {}
        Open::Text => out.push(ModelEvent::TextEnd),
        Open::Reasoning => out.push(ModelEvent::ReasoningEnd { encrypted_value: None }),
    }
}

fn protocol(message: String) -> ModelError {
    ModelError::new(ModelErrorKind::Protocol, message)
}
