//! The protobuf binding against bytes of the published encoder (`fixtures/clients/proto` makes them).

#![cfg(feature = "protobuf")]
#![expect(clippy::unwrap_used, reason = "helpers of a test")]

use copilotkit_protocol::{Event, EventKind, proto};
use serde_json::Value;
use serde_json::value::RawValue;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(serde::Deserialize)]
struct Sample {
    /// As text: the order of members is that of the bytes.
    event: Box<RawValue>,
    hex: String,
    /// What the published decoder makes of the bytes.
    decoded: Value,
}

fn samples(kind: EventKind) -> Vec<Sample> {
    let file = folder("tests/proto").join(format!("{kind}.json"));
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

#[test]
fn bytes_are_those_of_the_published_encoder() {
    for kind in EventKind::ALL {
        let samples = samples(*kind);
        assert!(samples.len() > 1, "{kind}");
        for Sample { event, hex: expected, .. } in samples {
            let read = Event::from_json(event.get().as_bytes()).unwrap();
            assert_eq!(hex(&proto::encode(&read)), expected, "{event}");
        }
    }
}

#[test]
fn bytes_decode_as_the_published_decoder_does() {
    for kind in EventKind::ALL {
        for Sample { event, hex, decoded } in samples(*kind) {
            let ours: Value = serde_json::from_slice(&proto::decode(&bytes(&hex)).unwrap().to_json()).unwrap();
            assert_eq!(ours, decoded, "{event}");
        }
    }
}

#[test]
fn bytes_of_the_specification() {
    let cases = [
        (
            r#"{"type":"RUN_STARTED","threadId":"t","runId":"r","protocolVersion":"1.0"}"#,
            "620f0a02080b1201741a01723203312e30",
        ),
        (r#"{"type":"TEXT_MESSAGE_CHUNK","messageId":"m","delta":""}"#, "8a01090a02081312016d2200"),
        (r#"{"type":"CUSTOM","name":"n","value":null}"#, "5a0b0a02080a12016e1a020800"),
    ];
    for (json, expected) in cases {
        let event = Event::from_json(json.as_bytes()).unwrap();
        assert_eq!(hex(&proto::encode(&event)), expected);
        assert_eq!(proto::decode(&bytes(expected)), Ok(event));
    }
}

/// A field that holds others, or text.
fn field(number: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let key = [number << 3 | 2, number >> 5];
    let key = if number < 16 { &key[..1] } else { &[key[0] | 0x80, number >> 4] };
    [key, &[u8::try_from(body.len()).unwrap()], &body].concat()
}

/// The base event of the type with this number.
fn base(kind: u8) -> Vec<u8> {
    field(1, &[&[8, kind]])
}

/// A TOOL_CALL_RESULT with these further fields.
fn result(parts: &[&[u8]]) -> Vec<u8> {
    let ids = [base(21), field(3, &[b"m"]), field(4, &[b"c"])].concat();
    field(22, &[&ids, &parts.concat()])
}

/// A MESSAGES_SNAPSHOT of one message with this role and these further fields.
fn message(role: &str, parts: &[&[u8]]) -> Vec<u8> {
    let fields = [field(1, &[b"1"]), field(2, &[role.as_bytes()]), parts.concat()].concat();
    field(9, &[&base(8), &field(2, &[&fields])])
}

fn json(bytes: &[u8]) -> String {
    String::from_utf8(proto::decode(bytes).unwrap().to_json()).unwrap()
}

#[test]
fn what_decoding_refuses() {
    let (text, parts, activity) = (field(3, &[b"x"]), field(8, &[]), field(13, &[]));
    let end = |kind| field(3, &[&base(kind), &field(2, &[b"m"])]);
    let two_parts = field(7, &[&field(1, &[]), &field(2, &[])]);
    let two_sources = field(7, &[&field(2, &[&field(1, &[&field(1, &[]), &field(3, &[])])])]);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "the envelope is empty"),
        (vec![0x88, 2, 1], "the envelope is empty"),
        ([end(2), field(1, &[&base(0)])].concat(), "the envelope holds two events"),
        (field(3, &[&field(2, &[b"m"])]), "the base event is missing"),
        (end(3), "envelope carries TEXT_MESSAGE_END but the base event declares TOOL_CALL_START"),
        (end(99), "envelope carries TEXT_MESSAGE_END but the base event declares undefined"),
        // Field number 0, an open group, a group that was not opened, a length past the end, half a number.
        (vec![0], "failed to decode"),
        (vec![0xa3, 6], "failed to decode"),
        (vec![0xa4, 6], "failed to decode"),
        (vec![0x1a, 0x7f, 0x0a], "failed to decode"),
        (vec![0x80], "failed to decode"),
        // A known arm that is a number.
        (vec![0x18, 1], "failed to decode"),
        (field(11, &[&base(10), &field(2, &[b"n"])]), "value: this member is required"),
        (field(1, &[&base(0), &field(3, &[b"robot"])]), "role: unknown value `robot`"),
        (field(2, &[&field(1, &[&[8, 1, 16], &[0xff; 8], &[0x7f]])]), "timestamp: the integer is outside"),
        (result(&[&two_parts]), "content[0]: content part carries more than one arm"),
        (result(&[&two_sources]), "content[0].source: source carries more than one arm"),
        (result(&[&field(5, &[b"x"]), &field(7, &[])]), "content carries both string content and content parts"),
        (message("user", &[&text, &parts]), "messages[0]: message carries more than one content form"),
        (message("later", &[&text, &parts]), "messages[0]: message carries more than one content form"),
        (message("activity", &[&text]), "messages[0]: activity content cannot ride with other content forms"),
        (message("assistant", &[&parts]), "messages[0]: message carries content parts for a role that has none"),
        (message("user", &[&activity]), "messages[0]: message carries activity content for a non-activity role"),
        (message("reasoning", &[]), "messages[0].content: this member is required"),
        (message("assistant", &[&field(5, &[])]), "messages[0].toolCalls[0].type: expected `function`, found ``"),
    ];
    for (bytes, expected) in cases {
        let error = proto::decode(&bytes).unwrap_err().to_string();
        assert!(error.starts_with(&format!("Invalid event: {expected}")), "{}: {error}", hex(&bytes));
    }
}

#[test]
fn what_decoding_leaves_out() {
    // Only an arm that this version does not have; broken bytes in one are not that.
    let later = field(32, &[&field(2, &[b"m"])]);
    assert_eq!(proto::decode(&later), Err(proto::ProtoError::UnknownEvent));
    assert!(matches!(proto::decode(&field(32, &[&[0xff]])), Err(proto::ProtoError::Invalid(_))));
    // An unknown field beside a known arm, and the arm in two pieces, which merge.
    let event = [field(3, &[&base(2)]), field(3, &[&field(2, &[b"m"])]), later].concat();
    assert_eq!(json(&event), r#"{"type":"TEXT_MESSAGE_END","messageId":"m"}"#);
    // A part and a source that this version does not have, in a tool's result.
    let event = result(&[&field(7, &[&field(9, &[])]), &field(7, &[&field(2, &[&field(1, &[])])])]);
    assert_eq!(json(&event), r#"{"type":"TOOL_CALL_RESULT","messageId":"m","toolCallId":"c","content":[]}"#);
    // A message whose role this version does not have.
    assert_eq!(json(&message("later", &[])), r#"{"type":"MESSAGES_SNAPSHOT","messages":[]}"#);
    // An operation that JSON Patch does not have goes by its number.
    let event = field(8, &[&base(7), &field(2, &[&[8, 9], &field(2, &[b"/"])])]);
    assert_eq!(json(&event), r#"{"type":"STATE_DELTA","delta":[{"op":"9","path":"/"}]}"#);
    // An outcome of a later version keeps its name.
    let ids = [field(2, &[b"t"]), field(3, &[b"r"])].concat();
    let event = field(13, &[&base(12), &ids, &field(5, &[b"pause"])]);
    let expected = r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r","outcome":{"type":"pause"}}"#;
    assert_eq!(json(&event), expected);
    assert_eq!(proto::encode(&Event::from_json(expected.as_bytes()).unwrap()), event);
}

#[test]
fn what_has_no_form_is_not_encoded() {
    let unknown = Event::from_json(br#"{"type":"LATER"}"#).unwrap();
    assert!(proto::encode(&unknown).is_empty());
    let result = |content: &str| {
        let json = format!(r#"{{"type":"TOOL_CALL_RESULT","messageId":"m","toolCallId":"c","content":{content}}}"#);
        let event = Event::from_json(json.as_bytes()).unwrap();
        let json = proto::decode(&proto::encode(&event)).unwrap().to_json();
        let event: Value = serde_json::from_slice(&json).unwrap();
        event["content"].to_string()
    };
    assert_eq!(result(r#"[{"type":"hologram"},{"type":"text","text":"x"}]"#), r#"[{"text":"x","type":"text"}]"#);
    assert_eq!(result(r#"[{"type":"image","source":{"type":"ether"}}]"#), "[]");
    assert_eq!(
        result(r#"[{"type":"binary","mimeType":"image/png","id":"i","filename":"f"}]"#),
        r#"[{"metadata":{"filename":"f","id":"i","legacyBinary":true},"source":{"mimeType":"image/png","type":"url","value":"i"},"type":"document"}]"#
    );
    let patch =
        br#"{"type":"STATE_DELTA","delta":[{"op":"inc","path":"/a"},{"op":"add","path":"/a","value":1,"x":2}]}"#;
    let event = proto::decode(&proto::encode(&Event::from_json(patch).unwrap())).unwrap();
    assert_eq!(event.to_json(), br#"{"type":"STATE_DELTA","delta":[{"op":"add","path":"/a","value":1}]}"#);
}

#[test]
fn values_merge_nest_and_are_bounded() {
    let read = |value: &str| {
        let field = format!("12{:02x}{value}", value.len() / 2);
        let event = format!("0a020806{field}");
        let text = format!("3a{:02x}{event}", event.len() / 2);
        proto::decode(&bytes(&text)).map(|event| String::from_utf8(event.to_json()).unwrap())
    };
    let snapshot = |json: &str| Ok(format!(r#"{{"type":"STATE_SNAPSHOT","snapshot":{json}}}"#));
    // The last arm counts, two structs in a row are one, of two entries with one key the last counts.
    assert_eq!(read("200108 00".replace(' ', "").as_str()), snapshot("null"));
    assert_eq!(
        read("2a090a070a01611202080 02a090a070a016212022001".replace(' ', "").as_str()),
        snapshot(r#"{"a":null,"b":true}"#)
    );
    assert_eq!(read("2a120a070a016112020800 0a070a016112022001".replace(' ', "").as_str()), snapshot(r#"{"a":true}"#));
    // A member without a value is absent, an element without one is null.
    assert_eq!(read("2a0c0a030a01610a050a01621200"), snapshot("{}"));
    assert_eq!(read("32020a00"), snapshot("[null]"));
    assert!(read("").is_err());
    assert!(read("11000000000000f87f").unwrap_err().to_string().contains("snapshot: a number is not finite"));
    assert!(read("1a01ff").unwrap_err().to_string().contains("snapshot: a string is not UTF-8"));

    let nested = |depth: usize| {
        let json = format!(r#"{{"type":"STATE_SNAPSHOT","snapshot":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        Event::from_json(json.as_bytes()).unwrap()
    };
    assert_eq!(proto::decode(&proto::encode(&nested(120))), Ok(nested(120)));
    let error = proto::decode(&proto::encode(&nested(121))).unwrap_err();
    assert_eq!(error.to_string(), "Invalid event: snapshot: nested deeper than 120 levels");
}

/// Messages of `ag_ui.proto` as lines `Message.field: label type = number`.
fn described() -> Vec<String> {
    let text = std::fs::read_to_string(folder("proto/ag_ui.proto")).unwrap();
    let (mut lines, mut message) = (Vec::new(), String::new());
    for line in text.lines().map(|line| line.trim().trim_end_matches(';')) {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["syntax", ..] => {}
            ["message" | "enum", name, "{"] => message = (*name).to_owned(),
            [name, "=", number] => lines.push(format!("{message}.{name} = {number}")),
            ["optional", ty, name, "=", number] => lines.push(format!("{message}.{name}: optional {ty} = {number}")),
            ["repeated", ty, name, "=", number] => lines.push(format!("{message}.{name}: repeated {ty} = {number}")),
            // A message is always optional.
            [ty, name, "=", number] if !matches!(*ty, "string" | "EventType" | "JsonPatchOperationType") => {
                lines.push(format!("{message}.{name}: optional {ty} = {number}"));
            }
            [ty, name, "=", number] => lines.push(format!("{message}.{name}: {ty} = {number}")),
            _ => {}
        }
    }
    lines.sort();
    lines
}

/// The same of the structs that read and write it.
fn implemented() -> Vec<String> {
    let snake = |name: &str| {
        let split = |c: char| if c.is_uppercase() { format!("_{}", c.to_lowercase()) } else { c.to_string() };
        name.chars().map(split).collect::<String>().trim_start_matches('_').to_owned()
    };
    let (mut lines, mut message, mut attribute) = (Vec::new(), String::new(), String::new());
    for file in ["events", "input", "messages"] {
        let text = std::fs::read_to_string(folder(&format!("src/proto/wire/{file}.rs"))).unwrap();
        for line in text.lines().map(str::trim) {
            let words: Vec<&str> = line.trim_end_matches(',').split([' ', '(']).collect();
            if let Some(inside) = line.strip_prefix("#[prost(").filter(|inside| !inside.starts_with("oneof")) {
                attribute = inside.trim_end_matches(")]").to_owned();
            } else if let ["pub", "crate)", "struct" | "enum", name, "{"] = words.as_slice() {
                message = (*name).to_owned();
            } else if let ["oneof", ..] = words.as_slice() {
                // The arms stand in an enum of their own.
            } else if let ([variant, "=", number], true) = (words.as_slice(), attribute.is_empty()) {
                lines.push(format!("{message}.{} = {number}", snake(variant).to_uppercase()));
            } else if !attribute.is_empty() {
                let (kind, number) = attribute.split_once("tag").unwrap_or((&attribute, ""));
                let number = number.trim_matches([' ', '=', '"']);
                let rust = line.trim_start_matches("pub(crate) ").trim_end_matches(',').replace("r#", "");
                let (name, ty) = rust.split_once([':', '(']).unwrap();
                let name = name.trim();
                let ty =
                    ty.trim().trim_start_matches("Option<").trim_start_matches("Vec<").trim_end_matches(['>', ')']);
                let ty = match ty {
                    "String" => "string",
                    "i64" => "int64",
                    "Value" | "Struct" => &format!("google.protobuf.{ty}"),
                    "i32" if name == "op" => "JsonPatchOperationType",
                    "i32" => "EventType",
                    other => other,
                };
                let label = ["optional", "repeated"].into_iter().find(|label| kind.contains(label));
                match label {
                    None if message == "Arm" => lines.push(format!("Event.{}: optional {ty} = {number}", snake(name))),
                    Some(label) => lines.push(format!("{message}.{name}: {label} {ty} = {number}")),
                    None => lines.push(format!("{message}.{name}: {ty} = {number}")),
                }
                attribute.clear();
            }
        }
    }
    lines.sort();
    lines
}

#[test]
fn the_description_and_the_structs_agree() {
    let described = described();
    assert!(described.len() > 200, "{}", described.len());
    similar(&described, &implemented());
}

fn similar(described: &[String], implemented: &[String]) {
    let missing: Vec<_> = described.iter().filter(|line| !implemented.contains(line)).collect();
    let extra: Vec<_> = implemented.iter().filter(|line| !described.contains(line)).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "only in ag_ui.proto: {missing:#?}, only in src/proto/wire: {extra:#?}"
    );
}
