//! The official event streams of AG-UI 1.0, as far as they are at hand: enforce, expand, verify and apply must come to
//! the outcome that each file states.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of a test")]

use bytes::Bytes;
use copilotkit_protocol::{Applied, Deviation, Emitted, End, Enforce, Expander, Repair, RepairOptions, Verifier};
use serde_json::Value;
use std::path::{Path, PathBuf};

const FOLDER: &str = "shared/golden/agui/streams-1.0-partial";

/// Beside the project, or beside the folder that holds its worktrees.
fn folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    root.ancestors().skip(1).take(2).map(|above| above.join(FOLDER)).find(|folder| folder.is_dir())
}

struct Outcome {
    applied: Applied,
    delivered: Vec<Value>,
    deviations: Vec<Deviation>,
    error: Option<String>,
}

/// What a client makes of a stream.
fn consume(stream: &[Value]) -> Outcome {
    let mut made = 0;
    let mut enforce = Enforce::new(|| {
        made += 1;
        format!("made-{made}")
    });
    let (mut expander, mut verifier) = (Expander::new(), Verifier::new());
    let mut outcome =
        Outcome { applied: Applied::default(), delivered: Vec::new(), deviations: Vec::new(), error: None };
    for value in stream {
        let event = enforce.push(Bytes::from(value.to_string()), &mut outcome.deviations);
        let event = match event.map_err(|error| error.to_string()) {
            Ok(Some(event)) => event,
            Ok(None) => continue,
            Err(error) => {
                outcome.error = Some(error);
                break;
            }
        };
        if let Err(error) = step(event, &mut expander, &mut verifier, &mut outcome) {
            outcome.error = Some(error);
            break;
        }
    }
    outcome
}

fn step(event: Emitted, expander: &mut Expander, verifier: &mut Verifier, outcome: &mut Outcome) -> Result<(), String> {
    outcome.delivered.push(serde_json::from_slice(&event.to_json()).map_err(|error| error.to_string())?);
    let mut expanded = Vec::new();
    expander.push(event, &mut expanded).map_err(|error| error.to_string())?;
    for event in expanded {
        verifier.check(&event).map_err(|error| error.to_string())?;
        outcome.applied.apply(&event.event());
    }
    Ok(())
}

/// Every member of `expected` is in `actual`; lists are of one length.
fn holds(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            expected.iter().all(|(key, value)| actual.get(key).is_some_and(|actual| holds(actual, value)))
        }
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| holds(a, e))
        }
        _ => actual == expected,
    }
}

/// `2.delta.0.value` in the delivered events.
fn at<'a>(delivered: &'a [Value], path: &str) -> Option<&'a Value> {
    let (first, rest) = path.split_once('.')?;
    let mut value = delivered.get(first.parse::<usize>().ok()?)?;
    for step in rest.split('.') {
        value = match step.parse::<usize>() {
            Ok(index) if value.is_array() => value.get(index)?,
            _ => value.get(step)?,
        };
    }
    Some(value)
}

/// Whatever the stream is, repaired it is a legal run, and one that was legal is not touched.
fn check_repair(name: &str, stream: &[Value], legal: bool) {
    let options = RepairOptions { thread_id: "t".into(), run_id: "r".into(), ..Default::default() };
    let (mut expander, mut repair) = (Expander::new(), Repair::new(options));
    let mut end = End::Ended;
    let mut out = Vec::new();
    for value in stream {
        let mut expanded = Vec::new();
        let event = Emitted::from_json(Bytes::from(value.to_string())).map_err(|error| error.to_string());
        if let Err(message) =
            event.and_then(|event| expander.push(event, &mut expanded).map_err(|error| error.to_string()))
        {
            end = End::Failed { code: "invalid_event".into(), message };
            break;
        }
        expanded.into_iter().for_each(|event| repair.push(event, &mut out));
    }
    repair.finish(end, &mut out);
    let mut verifier = Verifier::new();
    for event in &out {
        assert_eq!(verifier.check(event), Ok(()), "{name}");
    }
    assert!(verifier.is_ended(), "{name}");
    if legal {
        assert_eq!(repair.dropped(), 0, "{name}");
    }
}

fn check(name: &str, case: &Value) {
    let stream = case["stream"].as_array().unwrap();
    check_repair(name, stream, case["expect"]["outcome"] == "completed");
    let outcome = consume(case["stream"].as_array().unwrap());
    let expect = &case["expect"];
    match expect["outcome"].as_str().unwrap() {
        "failed" => {
            let error = outcome.error.unwrap_or_else(|| panic!("{name}: it should fail"));
            let text = expect["errorContains"].as_str().unwrap();
            assert!(error.contains(text), "{name}: {error} does not contain {text}");
        }
        _ => assert_eq!(outcome.error, None, "{name}"),
    }
    if expect["noWarnings"] == true {
        assert_eq!(outcome.deviations, [], "{name}");
    }
    let messages = serde_json::to_value(outcome.applied.messages()).unwrap();
    if let Some(count) = expect.get("messageCount") {
        assert_eq!(messages.as_array().unwrap().len(), count.as_u64().unwrap() as usize, "{name}");
    }
    if let Some(expected) = expect.get("messages") {
        assert!(holds(&messages, expected), "{name}: {messages} does not hold {expected}");
    }
    if let Some(expected) = expect.get("state") {
        assert_eq!(&outcome.applied.state().to_value(), expected, "{name}");
    }
    if let Some(expected) = expect.get("eventTypes") {
        let types: Vec<&Value> = outcome.delivered.iter().map(|event| &event["type"]).collect();
        assert_eq!(serde_json::to_value(types).unwrap(), *expected, "{name}");
    }
    for (path, value) in expect.get("eventPaths").and_then(Value::as_object).into_iter().flatten() {
        assert_eq!(at(&outcome.delivered, path), Some(value), "{name}: {path}");
    }
    for path in expect.get("eventAbsentPaths").and_then(Value::as_array).into_iter().flatten() {
        assert_eq!(at(&outcome.delivered, path.as_str().unwrap()), None, "{name}: {path}");
    }
}

#[test]
fn official_streams() {
    let Some(folder) = folder() else {
        println!("skipped: not found: ../{FOLDER}");
        return;
    };
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    names.sort();
    assert!(names.len() >= 14, "{names:?}");
    for path in names {
        let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        check(path.file_stem().unwrap().to_str().unwrap(), &case);
    }
}
