//! What is logged of one run.

use crate::agent::RunContext;
use crate::logging::{ErrorRecord, LoggingOptions, RequestRecord, ResponseRecord, RunInfo};
use crate::store::Frame;
use crate::telemetry::redact::blot;
use copilotkit_protocol::{Event, EventKind, to_vec};
use std::time::Instant;

/// The most bytes of what was said that are kept for the record at the end.
const SAID_MAX: usize = 64 * 1024;

/// The records of one run.
pub(super) struct Journal {
    options: LoggingOptions,
    run: RunInfo,
    started: Instant,
    events: u64,
    bytes: u64,
    said: String,
}

impl Journal {
    /// A run begins.
    pub(super) fn begin(options: &LoggingOptions, context: &RunContext) -> Self {
        let input = &context.input;
        let run = RunInfo {
            agent_id: context.agent_id.clone(),
            principal: context.principal.clone(),
            thread_id: input.thread_id.clone(),
            run_id: input.run_id.clone(),
            trace_id: context.trace.trace_id(),
        };
        if options.requests {
            let content =
                options.content.then(|| blot(&String::from_utf8_lossy(&to_vec(&input.messages))).into_owned());
            let (messages, tools) = (input.messages.len(), input.tools.len());
            options.logger.log_request(&RequestRecord { run: &run, messages, tools, content: content.as_deref() });
        }
        let (options, started) = (options.clone(), Instant::now());
        Self { options, run, started, events: 0, bytes: 0, said: String::new() }
    }

    /// Events are in the log of the thread.
    pub(super) fn frames(&mut self, frames: &[Frame]) {
        if !self.options.responses || frames.is_empty() {
            return;
        }
        let (events, bytes) = (frames.len() as u64, frames.iter().map(|frame| frame.json.len() as u64).sum::<u64>());
        self.events += events;
        self.bytes += bytes;
        let said = if self.options.content { said(frames) } else { String::new() };
        if self.options.progressive {
            self.respond(false, events, bytes, &said);
        }
        let room = SAID_MAX.saturating_sub(self.said.len());
        let end = (0..=room.min(said.len())).rev().find(|at| said.is_char_boundary(*at)).unwrap_or(0);
        self.said.push_str(&said[..end]);
        if frames.iter().any(|frame| frame.kind.is_terminal()) {
            let said = std::mem::take(&mut self.said);
            self.respond(true, self.events, self.bytes, &said);
        }
    }

    fn respond(&self, is_final: bool, events: u64, bytes: u64, said: &str) {
        let said = blot(said);
        let content = self.options.content.then_some(&*said);
        let latency = self.started.elapsed();
        self.options.logger.log_response(&ResponseRecord { run: &self.run, is_final, events, bytes, latency, content });
    }

    /// The run failed.
    pub(super) fn failed(&self, code: &str, message: &str) {
        if self.options.errors {
            let latency = self.started.elapsed();
            self.options.logger.log_error(&ErrorRecord { run: &self.run, code, message: &blot(message), latency });
        }
    }
}

/// What is said in events: texts, arguments and results, one after the other.
fn said(frames: &[Frame]) -> String {
    let mut said = String::new();
    for frame in frames {
        let speaks = matches!(
            frame.kind,
            EventKind::TextMessageContent
                | EventKind::ToolCallStart
                | EventKind::ToolCallArgs
                | EventKind::ToolCallResult
        );
        match speaks.then(|| Event::from_json(&frame.json)) {
            Some(Ok(Event::TextMessageContent(text))) => said.push_str(&text.delta),
            Some(Ok(Event::ToolCallStart(call))) => {
                said.push_str("\n[call] ");
                said.push_str(&call.tool_call_name);
                said.push(' ');
            }
            Some(Ok(Event::ToolCallArgs(arguments))) => said.push_str(&arguments.delta),
            Some(Ok(Event::ToolCallResult(result))) => {
                said.push_str("\n[result] ");
                said.push_str(&result.content.text());
                said.push('\n');
            }
            _ => {}
        }
    }
    said
}
