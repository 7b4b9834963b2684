//! Generated events for property tests.

use crate::event::EventKind;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Any event over few ids, so that they get in each other's way.
pub(crate) fn soup() -> impl Strategy<Value = Value> {
    let id = || prop::sample::select(vec!["a", "b", ""]);
    let tag = prop::option::weighted(0.3, prop::sample::select(vec!["s", "u"]));
    let kinds: Vec<&'static str> =
        EventKind::ALL.iter().filter(|kind| !kind.is_chunk()).map(|kind| kind.as_str()).chain(["LATER"]).collect();
    // The end comes seldom, or nothing would be left to look at.
    let kind = prop::sample::select(kinds).prop_filter("ends", |kind| !kind.starts_with("RUN_F"));
    let kind = prop_oneof![30 => kind, 1 => Just("RUN_FINISHED")];
    (kind, id(), id(), tag, "[m-x]{0,2}", any::<bool>()).prop_map(|(kind, id, other, tag, delta, flag)| {
        let path = if flag { "/n" } else { "/no/where" };
        let patch = json!([{"op": if delta == "x" { "inc" } else { "replace" }, "path": path, "value": 1}]);
        let message = json!({"id": id, "role": if flag { "assistant" } else { "reasoning" }, "content": "",
            "subagentRunId": tag.unwrap_or("s"), "toolCalls": [
                {"id": other, "type": "function", "function": {"name": "n", "arguments": ""}}]});
        let outcome = match delta.len() {
            0 => json!({"type": "success"}),
            1 => json!({"type": "cancelled"}),
            _ => json!({"type": "interrupt", "interrupts": [{"id": "i", "reason": "r", "subagentRunId": "s"}]}),
        };
        let members = match kind {
            "RUN_STARTED" if flag => json!({"threadId": id, "runId": other, "input":
                {"threadId": "t", "runId": "r", "messages": [message], "tools": [], "context": []}}),
            "RUN_STARTED" => json!({"threadId": id, "runId": other}),
            "RUN_FINISHED" => json!({"threadId": id, "runId": other, "outcome": outcome}),
            "RUN_ERROR" => json!({"message": delta}),
            "STEP_STARTED" | "STEP_FINISHED" => json!({"stepName": id}),
            "TEXT_MESSAGE_CONTENT" | "REASONING_MESSAGE_CONTENT" => json!({"messageId": id, "delta": delta}),
            "TOOL_CALL_START" if flag => json!({"toolCallId": id, "toolCallName": "page", "parentMessageId": other}),
            "TOOL_CALL_START" => json!({"toolCallId": id, "toolCallName": "server"}),
            "TOOL_CALL_ARGS" => json!({"toolCallId": id, "delta": delta}),
            "TOOL_CALL_END" => json!({"toolCallId": id}),
            "TOOL_CALL_RESULT" => json!({"toolCallId": id, "messageId": other, "content": delta}),
            "STATE_SNAPSHOT" => json!({"snapshot": if flag { json!(null) } else { json!({"n": delta}) }}),
            "STATE_DELTA" => json!({"delta": patch}),
            "MESSAGES_SNAPSHOT" => json!({"messages": [message]}),
            "ACTIVITY_SNAPSHOT" => json!({"messageId": id, "activityType": "t", "content": {}, "replace": flag}),
            "ACTIVITY_DELTA" => json!({"messageId": id, "activityType": "t", "patch": patch}),
            "RAW" => json!({"event": null}),
            "CUSTOM" => json!({"name": "n", "value": null}),
            "REASONING_MESSAGE_START" => json!({"messageId": id, "role": "reasoning"}),
            "REASONING_ENCRYPTED_VALUE" => json!({"subtype": if flag { "message" } else { "tool-call" },
                "entityId": id, "encryptedValue": "v"}),
            "SUBAGENT_STARTED" if flag => json!({"name": "n", "parentSubagentRunId": other}),
            "SUBAGENT_STARTED" => json!({"name": "n"}),
            "SUBAGENT_ERROR" => json!({"message": "m"}),
            "SUBAGENT_FINISHED" | "LATER" => json!({}),
            _ => json!({"messageId": id}),
        };
        let mut event = json!({"type": kind});
        event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        if kind.starts_with("SUBAGENT") {
            event["subagentRunId"] = tag.unwrap_or(id).into();
        } else if !kind.starts_with("RUN_")
            && kind != "MESSAGES_SNAPSHOT"
            && let Some(tag) = tag
        {
            event["subagentRunId"] = tag.into();
        }
        if delta.starts_with('m') {
            event["metadata"] = json!({"k": delta, id: flag});
        }
        event
    })
}
