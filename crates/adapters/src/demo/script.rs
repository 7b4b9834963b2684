//! Answers as steps, made one by one: a long answer costs no more memory than a short one.

use copilotkit_protocol::TokenUsage;
use copilotkit_runtime::ModelRequest;
use copilotkit_runtime::model::{FinishReason, ModelError, ModelErrorKind, ModelEvent, ModelMessage};
use std::time::Duration;

/// The pause between two ticks of `/slow`.
const TICK: Duration = Duration::from_millis(250);
/// Bytes in a piece of a tool call's arguments, about.
const PIECE: usize = 8;

/// One step of an answer.
#[derive(Debug)]
pub(super) enum Step {
    Event(ModelEvent),
    Pause(Duration),
    Fail(ModelError),
}

/// The steps of an answer.
pub(super) type Steps = Box<dyn Iterator<Item = Step> + Send>;

/// What every answer needs to know.
#[derive(Clone, Debug)]
pub(super) struct Script {
    word_delay: Duration,
    /// Messages so far: ids are made of it, so that the same conversation gets the same ids.
    messages: usize,
    input_words: u64,
}

impl Script {
    pub(super) fn new(request: &ModelRequest, word_delay: Duration) -> Self {
        let words = |message: &ModelMessage| match message {
            ModelMessage::System { content } | ModelMessage::Assistant { content, .. } => count_words(content),
            ModelMessage::User { content } | ModelMessage::Tool { content, .. } => count_words(&content.text()),
            _ => 0,
        };
        Self { word_delay, messages: request.messages.len(), input_words: request.messages.iter().map(words).sum() }
    }

    pub(super) fn say(self, text: &str) -> Steps {
        let finish = self.finish(FinishReason::Stop, count_words(text), None);
        Box::new(self.text(text.to_owned()).chain(finish))
    }

    pub(super) fn think(self, thought: &str, text: &str) -> Steps {
        let reasoning = count_words(thought);
        let finish = self.finish(FinishReason::Stop, reasoning + count_words(text), Some(reasoning));
        let thought = words(thought.to_owned()).map(ModelEvent::ReasoningDelta);
        let thought = std::iter::once(ModelEvent::ReasoningStart { id: None })
            .chain(thought)
            .chain([ModelEvent::ReasoningEnd { encrypted_value: None }]);
        Box::new(paced(thought, self.word_delay).chain(self.text(text.to_owned())).chain(finish))
    }

    pub(super) fn call(self, name: &str, arguments: String) -> Steps {
        let finish = self.finish(FinishReason::ToolCalls, count_words(&arguments).max(1), None);
        let id = format!("call_demo_{}", self.messages);
        let start = ModelEvent::ToolCallStart { id: id.clone(), name: name.to_owned() };
        let end = ModelEvent::ToolCallEnd { id: id.clone(), encrypted_value: None };
        let pieces = pieces(arguments).map(move |delta| ModelEvent::ToolCallDelta { id: id.clone(), delta });
        Box::new(paced(std::iter::once(start).chain(pieces).chain([end]), self.word_delay).chain(finish))
    }

    pub(super) fn slow(self, count: u64) -> Steps {
        let finish = self.finish(FinishReason::Stop, count * 2, None);
        let ticks = (1..=count).flat_map(|n| {
            let tick = Step::Event(ModelEvent::TextDelta(format!("tick {n} ")));
            [(n > 1).then_some(Step::Pause(TICK)), Some(tick)].into_iter().flatten()
        });
        Box::new(block(ticks).chain(finish))
    }

    pub(super) fn long(self, count: u64) -> Steps {
        let finish = self.finish(FinishReason::Stop, count, None);
        let words = (1..=count).map(|n| Step::Event(ModelEvent::TextDelta(format!("word{n} "))));
        Box::new(block(words).chain(finish))
    }

    pub(super) fn fail(self) -> Steps {
        let mut error = ModelError::new(ModelErrorKind::Provider, "demo failure: this is what /fail is for");
        error.provider_code = Some("demo_failure".to_owned());
        Box::new(std::iter::once(Step::Fail(error)))
    }

    pub(super) fn silent(self) -> Steps {
        Box::new(self.finish(FinishReason::Stop, 0, None))
    }

    fn text(&self, text: String) -> impl Iterator<Item = Step> + Send + use<> {
        let deltas = words(text).map(ModelEvent::TextDelta);
        block(paced(deltas, self.word_delay))
    }

    fn finish(&self, reason: FinishReason, output: u64, reasoning: Option<u64>) -> std::option::IntoIter<Step> {
        let usage = TokenUsage {
            provider: Some("demo".to_owned()),
            model: Some("demo".to_owned()),
            input_tokens: Some(self.input_words),
            output_tokens: Some(output),
            total_tokens: Some(self.input_words + output),
            reasoning_tokens: reasoning,
            ..TokenUsage::default()
        };
        Some(Step::Event(ModelEvent::Finish { reason, usage })).into_iter()
    }
}

/// A text block around its deltas.
fn block(deltas: impl Iterator<Item = Step> + Send) -> impl Iterator<Item = Step> + Send {
    std::iter::once(Step::Event(ModelEvent::TextStart { id: None }))
        .chain(deltas)
        .chain([Step::Event(ModelEvent::TextEnd)])
}

/// Events with a pause behind each.
fn paced(events: impl Iterator<Item = ModelEvent> + Send, delay: Duration) -> impl Iterator<Item = Step> + Send {
    let pause = move || (!delay.is_zero()).then_some(Step::Pause(delay));
    events.flat_map(move |event| [Some(Step::Event(event)), pause()].into_iter().flatten())
}

/// Words with the white space behind them.
fn words(text: String) -> impl Iterator<Item = String> + Send {
    cut(text, |text| {
        let word = text.find(|c: char| !c.is_whitespace()).unwrap_or(text.len());
        let space = text[word..].find(char::is_whitespace).map_or(text.len(), |at| word + at);
        text[space..].find(|c: char| !c.is_whitespace()).map_or(text.len(), |at| space + at)
    })
}

fn pieces(text: String) -> impl Iterator<Item = String> + Send {
    cut(text, |text| {
        let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= PIECE);
        end.unwrap_or(text.len())
    })
}

/// Pieces of a text; `end` says where the first of the rest ends.
fn cut(text: String, end: impl Fn(&str) -> usize + Send) -> impl Iterator<Item = String> + Send {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let length = end(rest);
        at += length;
        Some(rest[..length].to_owned())
    })
}

fn count_words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}
