use super::*;
use crate::types::read_event;

fn projected(events: &[&str]) -> Vec<String> {
    let mut projector = Projector::new("remote".to_owned(), "ours".to_owned(), HashSet::new(), Vec::new());
    let mut out = Vec::new();
    for event in events {
        out.extend(projector.push(&read_event(event).unwrap()));
    }
    out.extend(projector.finish());
    let mut ids: Vec<String> = Vec::new();
    let shown = |event: &Event| {
        let mut json = copilotkit_protocol::from_slice::<Json>(&event.to_json()).unwrap().to_value();
        let kind = json["type"].as_str().unwrap().to_owned();
        let id = json["messageId"].as_str().or(json["toolCallId"].as_str()).unwrap().to_owned();
        let number = ids.iter().position(|known| *known == id).unwrap_or_else(|| {
            ids.push(id);
            ids.len() - 1
        });
        let members = json.as_object_mut().unwrap();
        let rest = ["delta", "content", "toolCallName", "patch"].into_iter().find_map(|name| members.remove(name));
        format!("{number} {kind} {}", rest.map_or_else(String::new, |rest| rest.to_string()))
    };
    // States are another test's.
    out.iter().filter(|event| !event.to_json().windows(8).any(|w| w == b"a2a-task")).map(shown).collect()
}

#[test]
fn an_artifact_streams_and_is_not_shown_again() {
    let shown = projected(&[
        r#"{"task":{"id":"t","status":{"state":"TASK_STATE_SUBMITTED"}}}"#,
        r#"{"statusUpdate":{"taskId":"t","status":{"state":"TASK_STATE_WORKING","message":{"messageId":"m1","parts":[{"text":"step 1"}]}}}}"#,
        r#"{"artifactUpdate":{"artifact":{"artifactId":"a","parts":[{"text":"Alpha "}]}}}"#,
        r#"{"artifactUpdate":{"artifact":{"artifactId":"a","parts":[{"text":"beta."}]},"append":true,"lastChunk":true}}"#,
        r#"{"statusUpdate":{"taskId":"t","status":{"state":"TASK_STATE_WORKING","message":{"messageId":"m2","parts":[{"text":"step 1 and a half"}]}}}}"#,
        r#"{"task":{"id":"t","status":{"state":"TASK_STATE_COMPLETED","message":{"messageId":"m3","parts":[{"text":"done"}]}},
            "history":[{"messageId":"old","role":"ROLE_AGENT","parts":[{"text":"of an earlier run"}]},{"messageId":"ours","role":"ROLE_USER","parts":[]},
              {"messageId":"m1","role":"ROLE_AGENT","parts":[{"text":"step 1"}]},{"messageId":"m2b","role":"ROLE_AGENT","parts":[{"text":"unseen"}]}],
            "artifacts":[{"artifactId":"a","parts":[{"text":"Alpha "},{"text":"beta."}]},{"artifactId":"b","parts":[{"text":"new"}]}]}}"#,
    ]);
    assert_eq!(
        shown,
        [
            "0 TEXT_MESSAGE_START ",
            "0 TEXT_MESSAGE_CONTENT \"step 1\"",
            "1 TEXT_MESSAGE_START ",
            "1 TEXT_MESSAGE_CONTENT \"Alpha \"",
            "1 TEXT_MESSAGE_CONTENT \"beta.\"",
            "1 TEXT_MESSAGE_END ",
            "0 TEXT_MESSAGE_CONTENT \" and a half\"",
            "0 TEXT_MESSAGE_END ",
            "2 TEXT_MESSAGE_START ",
            "2 TEXT_MESSAGE_CONTENT \"unseen\"",
            "3 TEXT_MESSAGE_START ",
            "3 TEXT_MESSAGE_CONTENT \"new\"",
            "3 TEXT_MESSAGE_END ",
            "2 TEXT_MESSAGE_END ",
            "4 TEXT_MESSAGE_START ",
            "4 TEXT_MESSAGE_CONTENT \"done\"",
            "4 TEXT_MESSAGE_END ",
        ]
    );
}

#[test]
fn calls_of_tools_and_files_reach_the_page() {
    let shown = projected(&[r#"{"message":{"messageId":"m","parts":[{"text":"looking it up"},
            {"data":{"type":"tool-call","id":"c1","name":"lookup","arguments":{"q":"rust"}}},
            {"data":{"type":"tool-result","toolCallId":"c1","payload":{"hits":2}}},
            {"url":"https://f.invalid/a.pdf","filename":"a.pdf","mediaType":"application/pdf"}]}}"#]);
    assert_eq!(
        shown[1],
        "0 TEXT_MESSAGE_CONTENT \"looking it up\\n[a.pdf](https://f.invalid/a.pdf) (application/pdf)\""
    );
    assert_eq!(
        shown[2..6],
        [
            "1 TOOL_CALL_START \"lookup\"",
            "1 TOOL_CALL_ARGS \"{\\\"q\\\":\\\"rust\\\"}\"",
            "1 TOOL_CALL_END ",
            "2 TOOL_CALL_RESULT \"{\\\"hits\\\":2}\"",
        ]
    );
    assert!(shown[6].contains("ACTIVITY_SNAPSHOT") && shown[6].contains("https://f.invalid/a.pdf"), "{shown:?}");
}

#[test]
fn a_surface_is_shown_whole() {
    let shown = projected(&[r#"{"message":{"messageId":"m","parts":[
            {"data":{"beginRendering":{"surfaceId":"s1","root":"root"}},"metadata":{"mimeType":"application/json+a2ui"}},
            {"data":{"surfaceUpdate":{"surfaceId":"s1","components":[{"id":"root","component":{"Text":{"text":{"literalString":"Hi"}}}}]}}}]}}"#]);
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(shown[0].starts_with("0 ACTIVITY_SNAPSHOT") && shown[0].contains("createSurface"), "{shown:?}");
    assert!(shown[1].contains("updateComponents") && shown[1].contains("createSurface"), "{shown:?}");
    assert!(shown[1].contains("\"operations\":[{\"beginRendering\""), "{shown:?}");
}

#[test]
fn hostile_text_is_made_plain() {
    let shown = projected(&["{\"message\":{\"messageId\":\"m\",\"parts\":[{\"text\":\"a\\u001b[31m \\u202eb\"}]}}"]);
    assert_eq!(shown[1], "0 TEXT_MESSAGE_CONTENT \"a[31m b\"");
}
