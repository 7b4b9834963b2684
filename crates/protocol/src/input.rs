//! What a run is started with, and how one ends: input, interrupts, resume, outcomes, usage.

use crate::message::{Context, Message, Tool};
use crate::wire::{Json, Object, Shape, Wire, wire_struct, wire_union};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};

wire_struct! {
    /// The body of a run or connect request.
    ///
    /// `tools` and `context` may be absent (AG-UI 1.0) and are always written, since 0.0.59 requires them.
    pub struct RunAgentInput {
        /// The thread; opaque, the empty string is legal.
        thread_id: String = "threadId" req,
        /// The run; opaque. Clients repeat ids, so it identifies nothing by itself.
        run_id: String = "runId" req,
        /// The AG-UI version of the client, `MAJOR.MINOR`; absent before 1.0.
        protocol_version: String = "protocolVersion" opt,
        /// The run that this one continues.
        parent_run_id: String = "parentRunId" opt,
        /// The shared state.
        state: Json = "state" nil,
        /// The whole conversation.
        messages: Vec<Message> = "messages" req,
        /// The tools that the page offers.
        tools: Vec<Tool> = "tools" list,
        /// What the page tells the agent.
        context: Vec<Context> = "context" list,
        /// Whatever the application passes through.
        forwarded_props: Json = "forwardedProps" opt,
        /// Answers to the interrupts of an earlier run.
        resume: Vec<ResumeEntry> = "resume" opt,
    }
}

wire_struct! {
    /// The answer to one interrupt.
    pub struct ResumeEntry {
        /// The interrupt that is answered.
        interrupt_id: String = "interruptId" req,
        /// Whether it was answered or cancelled.
        status: ResumeStatus = "status" req,
        /// The answer.
        payload: Json = "payload" opt,
        /// Data of the application.
        metadata: Object = "metadata" opt,
    }
}

/// Whether an interrupt was answered or cancelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResumeStatus {
    /// Answered.
    #[default]
    Resolved,
    /// Cancelled.
    Cancelled,
}

impl Serialize for ResumeStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Resolved => "resolved",
            Self::Cancelled => "cancelled",
        })
    }
}

impl Wire for ResumeStatus {
    const SHAPE: &'static Shape = &Shape::OneOf(&["resolved", "cancelled"]);
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "resolved" => Ok(Self::Resolved),
            "cancelled" => Ok(Self::Cancelled),
            other => Err(D::Error::custom(format!("unknown value `{other}`, expected `resolved` or `cancelled`"))),
        }
    }
}

wire_struct! {
    /// A question that a run ended with.
    pub struct Interrupt {
        /// Unique among the thread's interrupts.
        id: String = "id" req,
        /// Why, in the words of the agent; an open set.
        reason: String = "reason" req,
        /// The question, for a person.
        message: String = "message" opt,
        /// The tool call that it is about.
        tool_call_id: String = "toolCallId" opt,
        /// JSON Schema of the answer.
        response_schema: Object = "responseSchema" opt,
        /// When it can no longer be answered, ISO 8601 by habit.
        expires_at: String = "expiresAt" opt,
        /// Data of the application.
        metadata: Object = "metadata" opt,
        /// The subagent that asks.
        subagent_run_id: String = "subagentRunId" opt,
    }
}

wire_union! {
    /// How a run that finished ended.
    pub enum RunFinishedOutcome by "type" {
        /// It did what it was asked to.
        Success(SuccessOutcome) = "success",
        /// It waits for answers.
        Interrupt(InterruptOutcome) = "interrupt",
        /// It was stopped on purpose (1.0).
        Cancelled(CancelledOutcome) = "cancelled",
        ; /// An outcome of a later version.
        Unknown
    }
}

wire_struct! {
    /// The run did what it was asked to.
    pub struct SuccessOutcome("type" = "success") as ("RunFinishedSuccessOutcome") {
        /// The calls of frontend tools that wait for a result, in call order (1.0).
        pending_tool_call_ids: Vec<String> = "pendingToolCallIds" opt,
    }
}

wire_struct! {
    /// The run waits for answers.
    pub struct InterruptOutcome("type" = "interrupt") as ("RunFinishedInterruptOutcome") {
        /// The questions, at least one.
        interrupts: Vec<Interrupt> = "interrupts" some,
    }
}

wire_struct! {
    /// The run was stopped on purpose (1.0).
    pub struct CancelledOutcome("type" = "cancelled") as ("RunFinishedCancelledOutcome") {}
}

wire_union! {
    /// How a subagent's run that finished ended.
    pub enum SubagentFinishedOutcome by "type" {
        /// It did what it was asked to.
        Success(SubagentSuccessOutcome) = "success",
        /// It waits for answers.
        Suspended(SubagentSuspendedOutcome) = "suspended",
        ; /// An outcome of a later version.
        Unknown
    }
}

wire_struct! {
    /// The subagent did what it was asked to.
    pub struct SubagentSuccessOutcome("type" = "success") as ("SubagentFinishedSuccessOutcome") {}
}

wire_struct! {
    /// The subagent waits for answers.
    pub struct SubagentSuspendedOutcome("type" = "suspended") as ("SubagentFinishedSuspendedOutcome") {
        /// The interrupts that it waits for.
        interrupt_ids: Vec<String> = "interruptIds" opt,
    }
}

wire_struct! {
    /// Tokens that a run used with one model. Absent is unknown, not zero.
    pub struct TokenUsage {
        /// The vendor, lower case: `openai`, `anthropic`, `google` …
        provider: String = "provider" opt,
        /// The model.
        model: String = "model" opt,
        /// Tokens read, cached ones included.
        input_tokens: u64 = "inputTokens" opt,
        /// Tokens written, reasoning included.
        output_tokens: u64 = "outputTokens" opt,
        /// Input and output together.
        total_tokens: u64 = "totalTokens" opt,
        /// The part of the output that was reasoning.
        reasoning_tokens: u64 = "reasoningTokens" opt,
        /// The part of the input that was read from a cache.
        cached_input_tokens: u64 = "cachedInputTokens" opt,
        /// The part of the input that was written to a cache (1.0).
        cache_write_input_tokens: u64 = "cacheWriteInputTokens" opt,
    }
}
