//! A run in a form that our events and those of the reference runtime can be brought to.

use copilotkit_adapters::Api;
use copilotkit_runtime::ModelEvent;
use serde_json::Value;

/// What was said, thought and called, and how it ended.
#[derive(Debug, Default, PartialEq)]
pub struct Run {
    /// `text`, `reasoning` and `call:ID` in the order in which they began; with the id where the provider gives one that
    /// is unique in a thread.
    pub order: Vec<String>,
    pub text: String,
    pub reasoning: String,
    /// Id, name, arguments.
    pub calls: Vec<(String, String, String)>,
    pub ended: Vec<String>,
    pub finish: Option<String>,
    /// Input, output, total, cached, reasoning; what is unknown counts as 0.
    pub usage: [u64; 5],
}

impl Run {
    fn call(&mut self, id: &str) -> &mut (String, String, String) {
        self.calls.iter_mut().find(|call| call.0 == id).expect("started")
    }

    /// From model events, which are checked for what must always hold.
    pub fn of_events(events: &[ModelEvent]) -> Self {
        let mut run = Self::default();
        let mut open: Option<&str> = None;
        let begun = |kind: &str, id: &Option<String>| match id {
            Some(id) => format!("{kind}:{id}"),
            None => kind.to_owned(),
        };
        for event in events {
            assert_eq!(run.finish, None, "something comes behind the end");
            match event {
                ModelEvent::TextStart { id } => {
                    assert_eq!(open.replace("text"), None);
                    run.order.push(begun("text", id));
                }
                ModelEvent::ReasoningStart { id } => {
                    assert_eq!(open.replace("reasoning"), None);
                    run.order.push(begun("reasoning", id));
                }
                ModelEvent::TextDelta(delta) => {
                    assert!(open == Some("text") && !delta.is_empty());
                    run.text.push_str(delta);
                }
                ModelEvent::ReasoningDelta(delta) => {
                    assert!(open == Some("reasoning") && !delta.is_empty());
                    run.reasoning.push_str(delta);
                }
                ModelEvent::TextEnd => assert_eq!(open.take(), Some("text")),
                ModelEvent::TextSignature(value) => assert!(!value.is_empty()),
                ModelEvent::ReasoningEnd { .. } => assert_eq!(open.take(), Some("reasoning")),
                ModelEvent::ToolCallStart { id, name } => {
                    assert_eq!(open, None, "a block is open when a call starts");
                    assert!(!id.is_empty() && run.calls.iter().all(|call| call.0 != *id), "{id}");
                    run.order.push(format!("call:{id}"));
                    run.calls.push((id.clone(), name.clone(), String::new()));
                }
                ModelEvent::ToolCallDelta { id, delta } => {
                    assert!(!delta.is_empty() && !run.ended.contains(id));
                    run.call(id).2.push_str(delta);
                }
                ModelEvent::ToolCallEnd { id, .. } => {
                    assert!(!run.ended.contains(id));
                    run.call(id);
                    run.ended.push(id.clone());
                }
                ModelEvent::Finish { reason, usage } => {
                    assert_eq!(open, None, "a block is open at the end");
                    assert_eq!(run.ended.len(), run.calls.len(), "a call is open at the end");
                    run.finish = Some(reason.as_str().to_owned());
                    run.usage = [
                        usage.input_tokens,
                        usage.output_tokens,
                        usage.total_tokens,
                        usage.cached_input_tokens,
                        usage.reasoning_tokens,
                    ]
                    .map(Option::unwrap_or_default);
                }
                other => panic!("{other:?}"),
            }
        }
        run
    }

    /// From AG-UI events; minted ids become `minted_N`.
    pub fn of_upstream(ndjson: &str, api: Api) -> Self {
        let mut run = Self::default();
        let mut last_text = String::new();
        // Elsewhere the reference runtime uses numbers that come again in every answer, or ids of its own.
        let begun = |kind: &str, id: &str| match api {
            Api::Responses => format!("{kind}:{id}"),
            _ => kind.to_owned(),
        };
        for line in ndjson.lines() {
            let event: Value = serde_json::from_str(line).expect(line);
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            let call_id = || text("toolCallId").replace("$call", "minted_");
            match event["type"].as_str().expect("type") {
                "TEXT_MESSAGE_CHUNK" => {
                    if std::mem::replace(&mut last_text, text("messageId")) != text("messageId") {
                        run.order.push(begun("text", &text("messageId")));
                    }
                    run.text.push_str(&text("delta"));
                }
                "REASONING_MESSAGE_START" => run.order.push(begun("reasoning", &text("messageId"))),
                "REASONING_MESSAGE_CONTENT" => run.reasoning.push_str(&text("delta")),
                "TOOL_CALL_START" => {
                    run.order.push(format!("call:{}", call_id()));
                    run.calls.push((call_id(), text("toolCallName"), String::new()));
                }
                "TOOL_CALL_ARGS" => run.call(&call_id()).2.push_str(&text("delta")),
                "TOOL_CALL_END" => run.ended.push(call_id()),
                "RUN_FINISHED" => {
                    run.finish = Some(text("finishReason"));
                    let count = |key: &str| event["usage"][0][key].as_u64().unwrap_or_default();
                    run.usage = ["inputTokens", "outputTokens", "totalTokens", "cachedInputTokens", "reasoningTokens"]
                        .map(count);
                }
                "RUN_ERROR" | "RUN_STARTED" | "REASONING_START" | "REASONING_MESSAGE_END" | "REASONING_END" => {}
                other => panic!("{other}"),
            }
        }
        run
    }
}
