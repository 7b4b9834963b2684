//! A call of a model: span, time to the first event, tokens and their cost.

use super::metrics::Metric;
use super::trace::Trace;
use super::{TARGET, content, names, propagation};
use crate::model::{FinishReason, Model, ModelError, ModelEvent, ModelMessage, ModelRequest};
use copilotkit_protocol::TokenUsage;
use std::time::{Duration, Instant};
use tracing::Span;
use tracing::field::Empty;

/// Bytes of text that are about one token, for calls that ended before their provider counted.
const TOKEN: u64 = 4;

/// One call, from the request to its last event. Dropped without an end it was cancelled.
pub(crate) struct ModelCall {
    trace: Trace,
    provider: String,
    model: String,
    started: Instant,
    first: Option<Duration>,
    /// Bytes that were sent and received, where a budget wants to know what a call used that nobody counted.
    bytes: Option<(u64, u64)>,
    ended: bool,
}

impl ModelCall {
    /// Begins below the trace of the request.
    pub(crate) fn begin(model: &dyn Model, request: &ModelRequest) -> Self {
        let trace = &request.trace;
        let (provider, name) = (model.provider(), model.name());
        let settings = &request.settings;
        let whole = |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok());
        let account = trace.account();
        let span = tracing::info_span!(
            target: TARGET,
            parent: trace.span(),
            "chat",
            { names::OTEL_NAME } = format!("{} {name}", names::CHAT),
            { names::OTEL_KIND } = "client",
            { names::OTEL_STATUS } = Empty,
            { names::OPERATION } = names::CHAT,
            { names::PROVIDER } = names::provider(provider),
            { names::REQUEST_MODEL } = name,
            { names::REQUEST_STREAM } = true,
            { names::REQUEST_MAX_TOKENS } = whole(settings.max_output_tokens),
            { names::REQUEST_TEMPERATURE } = settings.temperature,
            { names::REQUEST_TOP_P } = settings.top_p,
            { names::REQUEST_TOP_K } = whole(settings.top_k),
            { names::REQUEST_FREQUENCY_PENALTY } = settings.frequency_penalty,
            { names::REQUEST_PRESENCE_PENALTY } = settings.presence_penalty,
            { names::REQUEST_SEED } = settings.seed,
            { names::CONVERSATION } = account.map(|account| &*account.thread_id),
            { names::SESSION_ID } = account.map(|account| &*account.thread_id),
            { names::USER_ID } = account.and_then(|account| account.user()),
            { names::RESPONSE_MODEL } = Empty,
            { names::INPUT_TOKENS } = Empty,
            { names::OUTPUT_TOKENS } = Empty,
            { names::CACHE_READ_TOKENS } = Empty,
            { names::CACHE_CREATION_TOKENS } = Empty,
            { names::REASONING_TOKENS } = Empty,
            { names::COST } = Empty,
            { names::TIME_TO_FIRST_CHUNK } = Empty,
            { names::ERROR_TYPE } = Empty,
            { names::INPUT_MESSAGES } = Empty,
            { names::SYSTEM_INSTRUCTIONS } = Empty,
            { names::TOOL_DEFINITIONS } = Empty,
            { names::OUTPUT_MESSAGES } = Empty,
        );
        let trace = trace.below(span);
        if !settings.stop.is_empty() && !trace.span().is_disabled() {
            propagation::list(trace.span(), names::REQUEST_STOP, settings.stop.clone());
        }
        if trace.captures_content() {
            let span = trace.span();
            span.record(names::INPUT_MESSAGES, content::messages(&request.messages));
            if let Some(instructions) = content::instructions(&request.messages) {
                span.record(names::SYSTEM_INSTRUCTIONS, instructions);
            }
            if !request.tools.is_empty() {
                span.record(names::TOOL_DEFINITIONS, content::tools(&request.tools));
            }
        }
        let bounded = trace.account().is_some_and(|account| account.telemetry.budgets.is_on());
        let bytes = bounded.then(|| (content::size(request), 0));
        let (provider, model) = (provider.to_owned(), name.to_owned());
        Self { trace, provider, model, started: Instant::now(), first: None, bytes, ended: false }
    }

    /// The request, with the trace of the call.
    pub(crate) fn request(&self, request: ModelRequest) -> ModelRequest {
        ModelRequest { trace: self.trace.clone(), ..request }
    }

    /// Looks at what arrived.
    pub(crate) fn saw(&mut self, items: &[Result<ModelEvent, ModelError>]) {
        if self.first.is_none() && items.iter().any(Result::is_ok) {
            self.first = Some(self.started.elapsed());
        }
        if let Some((_, received)) = &mut self.bytes {
            *received += items.iter().flatten().map(content::event_size).sum::<u64>();
        }
    }

    /// The model is done.
    pub(crate) fn finish(mut self, reason: FinishReason, usage: &TokenUsage, message: &ModelMessage) {
        let span = self.trace.span();
        // A model that is several says which one answered.
        let (provider, model) = match (&usage.provider, &usage.model) {
            (Some(provider), Some(model)) if *provider != self.provider => (provider.as_str(), model.as_str()),
            _ => (self.provider.as_str(), self.model.as_str()),
        };
        let cost = self.trace.account().and_then(|account| account.call(provider, model, usage));
        if !span.is_disabled() {
            let count = |name, number: Option<u64>| {
                if let Some(number) = number.and_then(|number| i64::try_from(number).ok()) {
                    span.record(name, number);
                }
            };
            count(names::INPUT_TOKENS, usage.input_tokens);
            count(names::OUTPUT_TOKENS, usage.output_tokens);
            count(names::CACHE_READ_TOKENS, usage.cached_input_tokens);
            count(names::CACHE_CREATION_TOKENS, usage.cache_write_input_tokens);
            count(names::REASONING_TOKENS, usage.reasoning_tokens);
            span.record(names::COST, cost);
            span.record(names::RESPONSE_MODEL, usage.model.as_deref().unwrap_or(&self.model));
            propagation::list(span, names::FINISH_REASONS, vec![finish_reason(reason).to_owned()]);
            if self.trace.captures_content() {
                let said = content::answer(message, finish_reason(reason));
                span.record(names::OUTPUT_MESSAGES, said);
            }
        }
        if usage_is_known(usage) {
            self.bytes = None;
        }
        self.close(None);
    }

    /// The call failed.
    pub(crate) fn fail(mut self, code: &str) {
        self.close(Some(code));
    }

    fn close(&mut self, error: Option<&str>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let span: &Span = self.trace.span();
        let first = self.first.as_ref().map(Duration::as_secs_f64);
        span.record(names::TIME_TO_FIRST_CHUNK, first);
        if let Some(error) = error {
            span.record(names::ERROR_TYPE, error);
            span.record(names::OTEL_STATUS, "ERROR");
        }
        if let Some(account) = self.trace.account() {
            let provider = names::provider(&self.provider);
            let labels = [names::CHAT, provider, &self.model, error.unwrap_or_default()];
            let metrics = &account.telemetry.metrics;
            metrics.observe(Metric::ModelDuration, &labels, self.started.elapsed().as_secs_f64());
            if let Some(first) = first {
                metrics.observe(Metric::FirstChunk, &[names::CHAT, provider, &self.model], first);
            }
            // Whoever stops each run before its end would else never reach the bound.
            if let (Some((sent, received)), Some(_)) = (self.bytes, self.first) {
                let usage = TokenUsage {
                    input_tokens: Some(sent.div_ceil(TOKEN)),
                    output_tokens: Some(received.div_ceil(TOKEN)),
                    ..TokenUsage::default()
                };
                account.call(&self.provider, &self.model, &usage);
            }
        }
        propagation::end(span);
    }
}

fn usage_is_known(usage: &TokenUsage) -> bool {
    usage.input_tokens.or(usage.output_tokens).or(usage.total_tokens).is_some()
}

/// As the conventions spell it.
fn finish_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::ContentFilter => "content_filter",
        FinishReason::ToolCalls => "tool_call",
        other => other.as_str(),
    }
}

impl Drop for ModelCall {
    fn drop(&mut self) {
        self.close(Some("cancelled"));
    }
}
