//! The state machine from data payloads to model events. It does no I/O: bytes in, events out.

use super::chunk::{Choice, Chunk, Delta, Usage};
use super::details::Details;
use super::request::DETAILS;
use super::think::ThinkTags;
use super::tracker::Tracker;
use crate::dialect::{Blocks, Codec, CodecOptions, Counts, Envelope, Number, Stage, cut_off, error, foreign};
use copilotkit_runtime::model::{FinishReason, ModelError, ModelErrorKind, ModelEvent};

/// Reads one answer of Chat Completions.
#[derive(Debug)]
pub struct ChatCodec {
    options: CodecOptions,
    tracker: Tracker,
    blocks: Blocks,
    think: Option<ThinkTags>,
    details: Details,
    /// The last piece of reasoning, where a service may repeat it.
    last_reasoning: String,
    finish: Option<FinishReason>,
    refused: bool,
    had_data: bool,
    done: bool,
    usage: Option<Usage>,
}

impl ChatCodec {
    /// A codec for one answer.
    pub fn new(options: CodecOptions) -> Self {
        let tracker = Tracker::new(options.id_prefix.clone(), options.provider.clone());
        Self {
            tracker,
            blocks: Blocks::default(),
            think: options.think_tags.then(ThinkTags::default),
            details: Details::default(),
            last_reasoning: String::new(),
            finish: None,
            refused: false,
            had_data: false,
            done: false,
            usage: None,
            options,
        }
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
                let message = "the provider ran out of resources in the middle of the answer: try again";
                return Err(error::finished(ModelErrorKind::Overloaded, "insufficient_system_resource", message));
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
        if let Some(details) = delta.reasoning_details {
            self.details.push(details);
        }
        // Some services send both names with the same text.
        let reasoning = [&delta.reasoning_content.0, &delta.reasoning.0].into_iter().find(|text| !text.is_empty());
        if let Some(text) = reasoning
            && !self.is_repeated(text)
        {
            self.blocks.reasoning(None, text, out);
        }
        self.blocks.reasoning(None, &delta.content.thinking, out);
        if !delta.content.text.is_empty() {
            self.text(&delta.content.text, out);
        }
        self.refused |= !delta.refusal.0.is_empty();
        self.blocks.text(None, &delta.refusal.0, out);
        for piece in delta.tool_calls.iter().flatten() {
            let (tracker, blocks, details) = (&mut self.tracker, &mut self.blocks, &mut self.details);
            let provider = &self.options.provider;
            // The reasoning that led to a call stands before it.
            tracker.piece(piece, out, |out| close(blocks, details, provider, out))?;
        }
        Ok(())
    }

    fn is_repeated(&mut self, text: &str) -> bool {
        if !self.options.quirks.repeats_reasoning {
            return false;
        }
        let repeated = self.last_reasoning == text;
        text.clone_into(&mut self.last_reasoning);
        repeated
    }

    fn text(&mut self, text: &str, out: &mut Vec<ModelEvent>) {
        match &mut self.think {
            None => {
                if !self.blocks.is_text() {
                    close(&mut self.blocks, &mut self.details, &self.options.provider, out);
                }
                self.blocks.text(None, text, out);
            }
            Some(think) => {
                let blocks = &mut self.blocks;
                think.push(text, |inside, text| match inside {
                    true => blocks.reasoning(None, text, out),
                    false => blocks.text(None, text, out),
                });
            }
        }
    }

    /// AG-UI counts cached tokens as read and reasoning as written.
    fn counts(&self) -> Counts {
        let Some(usage) = self.usage else { return Counts::default() };
        let prompt = usage.prompt_tokens_details.unwrap_or_default();
        let reasoning = usage.completion_tokens_details.and_then(|details| details.reasoning_tokens.0);
        let Number(cached) =
            if prompt.cached_tokens.0.is_some() { prompt.cached_tokens } else { usage.prompt_cache_hit_tokens };
        let mut input = usage.prompt_tokens.0;
        let mut output = usage.completion_tokens.0;
        if self.options.quirks.usage_excludes_parts {
            output = output.map(|count| count.saturating_add(reasoning.unwrap_or(0)));
            input = input.map(|count| match cached {
                Some(cached) if cached > count => count.saturating_add(cached),
                _ => count,
            });
        }
        Counts { input, output, reasoning, cached, cache_write: prompt.cache_write_tokens.0 }
    }
}

impl Codec for ChatCodec {
    fn on_event(&mut self, name: &str, data: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        let data = data.trim_ascii();
        if self.done || data.is_empty() {
            return Ok(());
        }
        self.had_data = true;
        if name == "error" {
            return Err(error::from_frame(data));
        }
        if data == b"[DONE]" {
            self.done = true;
            return Ok(());
        }
        let chunk: Chunk<'_> = serde_json::from_slice(data).map_err(|cause| foreign(&cause))?;
        self.chunk(&chunk, data, out)
    }

    fn finish(&mut self, out: &mut Vec<ModelEvent>) -> Result<(), ModelError> {
        let Some(mut reason) = self.finish.take() else { return Err(cut_off(self.had_data)) };
        let plain = matches!(reason, FinishReason::Stop | FinishReason::Other);
        if plain && self.tracker.has_calls() {
            reason = FinishReason::ToolCalls;
        } else if plain && self.refused {
            reason = FinishReason::ContentFilter;
        }
        if let Some(think) = &mut self.think {
            let blocks = &mut self.blocks;
            think.finish(|inside, text| match inside {
                true => blocks.reasoning(None, text, out),
                false => blocks.text(None, text, out),
            });
        }
        close(&mut self.blocks, &mut self.details, &self.options.provider, out);
        let cut = matches!(reason, FinishReason::Length | FinishReason::ContentFilter);
        self.tracker.finish(cut, out)?;
        let usage = self.counts().into_usage(&self.options.provider, &self.options.model);
        out.push(ModelEvent::Finish { reason, usage });
        Ok(())
    }

    fn stage(&self) -> Stage {
        match (self.done, self.finish) {
            (true, _) => Stage::Done,
            (false, Some(_)) => Stage::Answered,
            (false, None) => Stage::Open,
        }
    }

    fn on_whole(&mut self, body: &[u8], out: &mut Vec<ModelEvent>) -> Result<bool, ModelError> {
        let is_answer = serde_json::from_slice::<Whole>(body).is_ok_and(|whole| whole.choices.is_some());
        if is_answer {
            self.on_event("", body, out)?;
        }
        Ok(is_answer)
    }
}

/// Closes what is open. The details of reasoning go with it, or alone where it has no readable text.
fn close(blocks: &mut Blocks, details: &mut Details, provider: &str, out: &mut Vec<ModelEvent>) {
    if let Some(details) = details.take() {
        blocks.begin_reasoning(None, out);
        blocks.end_reasoning(Some(Envelope::new(provider, DETAILS, details).seal()), out);
    }
    blocks.close(out);
}

/// Tells a whole answer from an error with status 200.
#[derive(serde::Deserialize)]
struct Whole {
    choices: Option<Vec<serde::de::IgnoredAny>>,
}
