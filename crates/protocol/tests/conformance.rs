//! The official material of AG-UI that is not a stream: what the schema takes and refuses, and which `null`s are data.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of a test")]

#[path = "../../../fixtures/src/official_schema.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of other crates")]
mod official_schema;

use copilotkit_protocol::*;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Fixtures of a draft that 1.0 decided differently: its `rawEvent` is never `null`.
const DECIDED_OTHERWISE: [&str; 1] = ["TextMessageEndEvent/valid/raw-event-null"];

struct Read {
    /// What this crate writes after it read the text.
    lenient: Result<Vec<u8>, WireError>,
    strict: Result<(), WireError>,
    /// As a client reads an event: unknown members are no error.
    client: Option<Result<Option<Vec<u8>>, WireError>>,
}

fn read_as<T: Wire + serde::Serialize>(text: &str) -> Read {
    let json = Json::parse(text).unwrap();
    Read {
        lenient: from_str::<T>(text).map(|value| to_vec(&value)),
        strict: enforce::exact::<T>(&json).map(drop),
        client: None,
    }
}

fn read(definition: &str, text: &str) -> Read {
    match definition {
        "Interrupt" => read_as::<Interrupt>(text),
        "ResumeEntry" => read_as::<ResumeEntry>(text),
        "RunAgentInput" => read_as::<RunAgentInput>(text),
        "Tool" => read_as::<Tool>(text),
        "ToolMessage" => read_as::<ToolMessage>(text),
        "UserMessage" => read_as::<UserMessage>(text),
        event if event.ends_with("Event") => {
            let client = Enforce::new(String::new).push(text.to_owned().into(), &mut Vec::new());
            let client = client.map(|event| event.map(|event| event.to_json().to_vec()));
            Read { client: Some(client), ..read_as::<Event>(text) }
        }
        other => panic!("no type for {other}"),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn line(path: &Path) -> String {
    serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap().to_string()
}

#[test]
fn fixtures_of_the_schema() {
    let Some(folder) = official_schema::folder().map(|folder| folder.join("fixtures-draft-2026-08")) else {
        return official_schema::skipped();
    };
    let (mut valid, mut invalid) = (0, 0);
    for definition in files(&folder) {
        let name = definition.file_name().unwrap().to_str().unwrap().to_owned();
        for path in files(&definition.join("valid")) {
            let case = format!("{name}/valid/{}", path.file_stem().unwrap().to_str().unwrap());
            valid += 1;
            let text = line(&path);
            let read = read(&name, &text);
            let written = read.lenient.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(official_schema::check_as(&name, &written), Ok(()), "{case}");
            if DECIDED_OTHERWISE.contains(&case.as_str()) {
                assert!(read.strict.is_err(), "{case}");
                continue;
            }
            assert_eq!(read.strict, Ok(()), "{case}");
            if let Some(client) = read.client {
                let event = client.unwrap().unwrap_or_else(|| panic!("{case} was dropped"));
                let event: Value = serde_json::from_slice(&event).unwrap();
                assert_eq!(event, serde_json::from_str::<Value>(&text).unwrap(), "{case}");
            }
        }
        for path in files(&definition.join("invalid")) {
            if path.to_str().unwrap().ends_with(".expect.json") {
                continue;
            }
            let case = format!("{name}/invalid/{}", path.file_stem().unwrap().to_str().unwrap());
            invalid += 1;
            let text = line(&path);
            assert!(official_schema::check_as(&name, text.as_bytes()).is_err(), "{case}");
            let read = read(&name, &text);
            assert!(read.strict.is_err(), "{case}");
            // Whatever a reader makes of it: it is not passed on as it is.
            if let Ok(written) = read.lenient {
                let mut tidied: Option<Event> = name.ends_with("Event").then(|| from_slice(&written).unwrap());
                let Some(event) = tidied.as_mut() else { continue };
                event.tidy();
                let gated = match gate::for_v1(event) {
                    Downgrade::Changed(event) => *event,
                    Downgrade::Same => event.clone(),
                    Downgrade::Drop => continue,
                };
                let sent = official_schema::check(&gated.to_json());
                // Patches and empty lists of interrupts are mended in the run's order of events, not event by event.
                if !case.starts_with("StateDeltaEvent/") && !case.ends_with("interrupt-with-no-interrupts") {
                    assert_eq!(sent, Ok(()), "{case}");
                }
            }
            if let Some(Ok(Some(event))) = read.client {
                assert_eq!(official_schema::check(&event), Ok(()), "{case}");
            }
        }
    }
    println!("{valid} valid and {invalid} invalid fixtures");
    assert_eq!((valid, invalid), (116, 63));
}

#[test]
fn nulls_that_are_data_stay_and_others_go() {
    let Some(folder) = official_schema::folder() else { return official_schema::skipped() };
    let all: Value = serde_json::from_slice(&std::fs::read(folder.join("null-omission.json")).unwrap()).unwrap();
    let cases = all["stream"].as_array().unwrap();
    assert_eq!(cases.len(), 28);
    for case in cases {
        let (name, text) = (&case["name"], case["input"].to_string());
        let written = Event::from_json(text.as_bytes()).unwrap().to_json();
        assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), case["expected"], "{name}");
        assert_eq!(official_schema::check(&written), Ok(()), "{name}");
    }
}
