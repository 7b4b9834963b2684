//! What a page and a model are told of a result.

use crate::limits;
use copilotkit_protocol::{Content, ContentPart, DataSource, ImagePart, Json, TextPart};
use copilotkit_runtime::ToolOutput;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

/// Members of `_meta` that belong to the protocol, not to the tool.
const PROTOCOL_META: &str = "io.modelcontextprotocol/";

/// The result as the runtime takes it: the page gets all of it as JSON, the model gets texts and pictures as what they
/// are and the rest as JSON.
pub fn output(result: CallToolResult) -> ToolOutput {
    let is_error = result.is_error == Some(true);
    let model = for_model(&result);
    let mut output = ToolOutput::new(for_page(result));
    output.is_error = is_error;
    output.for_model = Some(model);
    output
}

/// The texts of a result in one; where there are none, the JSON of its content. What is long is cut.
pub(crate) fn text(result: &CallToolResult) -> String {
    let texts: Vec<_> =
        result.content.iter().filter_map(ContentBlock::as_text).map(|text| text.text.as_str()).collect();
    let text = match texts.is_empty() {
        true => Json::of(&result.content).get().to_owned(),
        false => texts.join("\n"),
    };
    match cut(&text, limits::RESULT_MODEL) {
        whole if whole.len() == text.len() => text,
        part => format!("{part}\n[cut: at most {} bytes of a result are shown]", limits::RESULT_MODEL),
    }
}

/// An answer without what the protocol added to it.
pub(crate) fn tidy(mut answer: Value) -> Value {
    if let Some(members) = answer.as_object_mut() {
        members.remove("resultType");
        if let Some(Value::Object(meta)) = members.get_mut("_meta") {
            meta.retain(|key, _| !key.starts_with(PROTOCOL_META));
            if meta.is_empty() {
                members.remove("_meta");
            }
        }
    }
    answer
}

/// The JSON of a result without what the protocol added to it, within what fits into an event.
pub fn for_page(mut result: CallToolResult) -> Json {
    result.result_type = None;
    if let Some(mut meta) = result.meta.take() {
        meta.retain(|key, _| !key.starts_with(PROTOCOL_META));
        result.meta = (!meta.is_empty()).then_some(meta);
    }
    let json = Json::of(&result);
    if json.get().len() <= limits::RESULT {
        return json;
    }
    let size = json.get().len();
    let note = format!("[The result was cut: it has {size} bytes, and at most {} are passed on.]", limits::RESULT);
    let mut content: Vec<Value> = Vec::new();
    // Characters that need an escape take up to six bytes as JSON, and twice as many as text in an event.
    let mut room = limits::RESULT / 8;
    for text in result.content.iter().filter_map(ContentBlock::as_text) {
        let text = cut(&text.text, room);
        room -= text.len();
        if !text.is_empty() {
            content.push(json!({ "type": "text", "text": text }));
        }
    }
    content.push(json!({ "type": "text", "text": note }));
    let mut cut = json!({ "content": content });
    if result.is_error == Some(true) {
        cut["isError"] = json!(true);
    }
    cut.into()
}

/// What the model is told.
fn for_model(result: &CallToolResult) -> Content {
    let mut parts = Vec::new();
    let mut room = limits::RESULT_MODEL;
    let mut is_cut = false;
    let mut add = |text: &str, parts: &mut Vec<ContentPart>| {
        let kept = cut(text, room);
        room -= kept.len();
        is_cut |= kept.len() < text.len();
        match parts.last_mut() {
            Some(ContentPart::Text(last)) => {
                last.text.push('\n');
                last.text.push_str(kept);
            }
            _ => parts.push(ContentPart::Text(TextPart { text: kept.to_owned(), ..Default::default() })),
        }
    };
    for block in &result.content {
        match block {
            ContentBlock::Text(text) => add(&text.text, &mut parts),
            ContentBlock::Image(image) => {
                let source =
                    DataSource { value: image.data.clone(), mime_type: image.mime_type.clone(), ..Default::default() };
                parts.push(ContentPart::Image(ImagePart { source: source.into(), ..Default::default() }));
            }
            // Bytes of a sound or of a file tell a model nothing.
            ContentBlock::Audio(audio) => {
                add(&format!("[audio of type {}, {} bytes as base64]", audio.mime_type, audio.data.len()), &mut parts);
            }
            other => add(Json::of(other).get(), &mut parts),
        }
    }
    if result.content.is_empty() {
        match &result.structured_content {
            Some(structured) => add(&structured.to_string(), &mut parts),
            None => add("{}", &mut parts),
        }
    }
    if is_cut {
        let note = format!("\n[cut: at most {} bytes of a result are shown]", limits::RESULT_MODEL);
        match parts.last_mut() {
            Some(ContentPart::Text(last)) => last.text.push_str(&note),
            _ => parts.push(ContentPart::Text(TextPart { text: note, ..Default::default() })),
        }
    }
    match <[ContentPart; 1]>::try_from(parts) {
        Ok([ContentPart::Text(text)]) => Content::Text(text.text),
        Ok([part]) => Content::Parts(vec![part]),
        Err(parts) => Content::Parts(parts),
    }
}

/// The beginning of a text, at most so many bytes.
fn cut(text: &str, room: usize) -> &str {
    if text.len() <= room {
        return text;
    }
    let mut end = room;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(value: Value) -> CallToolResult {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_page_gets_the_whole_result_without_the_protocol_s_own() {
        let whole = result(json!({
            "resultType": "complete",
            "content": [{ "type": "text", "text": "a" }],
            "structuredContent": { "x": 1 },
            "_meta": { "io.modelcontextprotocol/serverInfo": {}, "mine": true }
        }));
        let out = output(whole);
        let expected = json!({ "content": [{ "type": "text", "text": "a" }], "structuredContent": { "x": 1 }, "_meta": { "mine": true } });
        assert_eq!(out.content.to_value(), expected);
        assert_eq!((out.for_model, out.is_error), (Some(Content::Text("a".to_owned())), false));
    }

    #[test]
    fn the_model_gets_texts_and_pictures_as_what_they_are() {
        let mixed = result(json!({ "content": [
            { "type": "text", "text": "one" },
            { "type": "text", "text": "two" },
            { "type": "image", "data": "aGk=", "mimeType": "image/png" },
            { "type": "audio", "data": "aGk=", "mimeType": "audio/wav" },
            { "type": "resource_link", "uri": "demo://1", "name": "r" }
        ]}));
        let Content::Parts(parts) = for_model(&mixed) else { panic!() };
        let [ContentPart::Text(first), ContentPart::Image(_), ContentPart::Text(last)] = parts.as_slice() else {
            panic!()
        };
        assert_eq!(first.text, "one\ntwo");
        assert!(last.text.starts_with("[audio of type audio/wav, 4 bytes as base64]\n{"), "{}", last.text);
        assert!(last.text.contains("demo://1"));
        let only = result(json!({ "content": [], "structuredContent": [1, 2] }));
        assert_eq!(for_model(&only), Content::Text("[1,2]".to_owned()));
    }

    #[test]
    fn large_results_are_cut_and_say_so() {
        let text = "\u{1}".repeat(2 * limits::RESULT_MODEL);
        let large = result(json!({ "content": [{ "type": "text", "text": text }], "isError": true }));
        let out = output(large);
        assert!(out.content.get().len() <= limits::RESULT, "{}", out.content.get().len());
        let page = out.content.to_value();
        assert_eq!(page["isError"], true);
        assert!(page["content"][1]["text"].as_str().unwrap().starts_with("[The result was cut"));
        let Some(Content::Text(model)) = out.for_model else { panic!() };
        assert!(model.len() < limits::RESULT_MODEL + 100 && model.ends_with("bytes of a result are shown]"));
    }
}
