//! Our definitions beside those of the official schema: the same documents must be accepted by both.

use super::definitions::{self, Definitions};
use super::random::{DEPTH, Random, any, document, mutate};
use copilotkit_protocol::{Event, Wire as _, from_str};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Definitions of the official schema that ours does not have, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("Attributable", "a fragment that others are composed of; its member is in each of them here"),
    ("BaseEvent", "a fragment that others are composed of; its members are in each event here"),
    ("BaseMessage", "a fragment that others are composed of; its members are in each message here"),
    ("Role", "used by no other definition; each message names its own"),
];

/// Documents made by chance; ten times as many when everything is asked for.
const DOCUMENTS: usize = 5_000;

/// Beside the project, or beside the folder that holds its worktrees.
fn golden() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    root.ancestors().skip(1).take(2).map(|above| above.join("shared/golden/agui")).find(|folder| folder.is_dir())
}

/// The definitions of both, or none where the official schema is not at hand.
fn both() -> Option<(Definitions, Definitions, PathBuf)> {
    let Some(folder) = golden() else {
        println!("skipped: shared/golden/agui not found beside the project");
        return None;
    };
    let text = std::fs::read_to_string(folder.join("schema-1.0.json")).unwrap();
    let official: Value = serde_json::from_str(&text).unwrap();
    Some((definitions::ag_ui("/$defs"), official["$defs"].as_object().unwrap().clone(), folder))
}

struct Pair {
    ours: Validator,
    official: Validator,
}

impl Pair {
    fn of(name: &str, ours: &Definitions, official: &Definitions) -> Self {
        let validator = |definitions: &Definitions| {
            let schema = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$ref": format!("#/$defs/{name}"),
                "$defs": definitions,
            });
            jsonschema::validator_for(&schema).unwrap()
        };
        Self { ours: validator(ours), official: validator(official) }
    }

    /// What both say, or the disagreement.
    fn verdict(&self, document: &Value) -> Result<bool, String> {
        let (ours, official) = (self.ours.is_valid(document), self.official.is_valid(document));
        let errors: Vec<_> = self.ours.iter_errors(document).map(|error| error.to_string()).collect();
        (ours == official)
            .then_some(ours)
            .ok_or_else(|| format!("ours {ours}, official {official}: {document} {errors:?}"))
    }
}

fn shared_names(ours: &Definitions, official: &Definitions) -> Vec<String> {
    official.keys().filter(|name| ours.contains_key(*name)).cloned().collect()
}

#[test]
fn every_definition_is_there_under_its_name() {
    let Some((ours, official, _)) = both() else { return };
    let mut missing: Vec<_> = official.keys().filter(|name| !ours.contains_key(*name)).collect();
    missing.sort();
    let left_out: Vec<_> = LEFT_OUT.iter().map(|(name, _)| *name).collect();
    assert_eq!(missing, left_out);
    let ours_alone: Vec<_> = ours.keys().filter(|name| !official.contains_key(*name)).collect();
    assert!(ours_alone.is_empty(), "{ours_alone:?}");
}

#[test]
fn every_type_has_its_pair_in_typescript() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fixtures/typescript/src/ag-ui.ts");
    let pairs = std::fs::read_to_string(path).unwrap();
    for name in definitions::ag_ui("/$defs").keys() {
        let is_paired = pairs.contains(&format!("Ours.{name},")) && pairs.contains(&format!("IsAny<Ours.{name}>"));
        assert!(is_paired, "add {name} to fixtures/typescript/src/ag-ui.ts");
    }
}

#[test]
fn the_members_are_the_same() {
    let Some((ours, official, _)) = both() else { return };
    for name in shared_names(&ours, &official) {
        let mut expected: Vec<String> = Vec::new();
        members(&official, &official[&name], &mut expected);
        let mut found: Vec<String> = Vec::new();
        members(&ours, &ours[&name], &mut found);
        for names in [&mut expected, &mut found] {
            names.sort();
            names.dedup();
        }
        assert_eq!(found, expected, "{name}");
    }
}

fn members(definitions: &Definitions, schema: &Value, found: &mut Vec<String>) {
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let name = part["$ref"].as_str().and_then(|target| target.rsplit('/').next()).unwrap();
        members(definitions, &definitions[name], found);
    }
    found.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
}

#[test]
fn the_official_fixtures_get_the_same_verdict() {
    let Some((ours, official, folder)) = both() else { return };
    let mut count = [0, 0];
    let mut disagreements = Vec::new();
    for entry in folder.join("fixtures-draft-2026-08").read_dir().unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let pair = Pair::of(&name, &ours, &official);
        for kind in ["valid", "invalid"] {
            for file in entry.path().join(kind).read_dir().into_iter().flatten() {
                let path = file.unwrap().path();
                if path.to_string_lossy().ends_with(".expect.json") {
                    continue;
                }
                let document: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
                match pair.verdict(&document) {
                    Ok(valid) => count[usize::from(valid)] += 1,
                    Err(why) => disagreements.push(format!("{name}/{kind}/{}: {why}", path.display())),
                }
            }
        }
    }
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
    assert!(count[0] >= 50 && count[1] >= 100, "{count:?}");
    println!("fixtures: {} accepted and {} refused by both", count[1], count[0]);
}

/// What is said about documents made by chance.
#[derive(Default)]
struct Tally {
    refused: usize,
    accepted: usize,
    disagreements: Vec<String>,
}

impl Tally {
    fn take(&mut self, name: &str, pair: &Pair, document: &Value) {
        match pair.verdict(document) {
            Ok(true) => self.accepted += 1,
            Ok(false) => self.refused += 1,
            Err(why) => self.disagreements.push(format!("{name}: {why}")),
        }
    }
}

/// Every member of these definitions: left out, and with a value of each type.
fn sweep(ours: &Definitions, official: &Definitions, names: &[String]) -> Tally {
    let (mut random, mut tally) = (Random::new(1), Tally::default());
    for name in names {
        let pair = Pair::of(name, ours, official);
        for value in any() {
            tally.take(name, &pair, &value);
        }
        let mut keys = Vec::new();
        members(official, &official[name], &mut keys);
        keys.push("unheard-of".to_owned());
        for key in keys {
            let Value::Object(mut made) = document(official, &official[name], &mut random, DEPTH + 1) else {
                continue;
            };
            tally.take(name, &pair, &made.clone().into());
            made.remove(&key);
            tally.take(name, &pair, &made.clone().into());
            for value in any().into_iter().chain([json!(-1), json!(1_u64 << 53), json!("~"), json!([{}])]) {
                made.insert(key.clone(), value);
                tally.take(name, &pair, &made.clone().into());
            }
        }
    }
    tally
}

fn compare(ours: &Definitions, official: &Definitions, documents: usize) -> Tally {
    let names = shared_names(ours, official);
    let pairs: BTreeMap<&str, Pair> =
        names.iter().map(|name| (name.as_str(), Pair::of(name, ours, official))).collect();
    let (mut random, mut tally) = (Random::new(2026), Tally::default());
    for index in 0..documents {
        // Unions hold all the rest: every other document is one of theirs.
        let name = match index % 6 {
            0 | 1 => "Event",
            2 => "RunAgentInput",
            _ => names[(index / 6 * 3 + index % 6) % names.len()].as_str(),
        };
        let pair = &pairs[name];
        let mut made = document(official, &official[name], &mut random, 0);
        assert!(pair.official.is_valid(&made), "{name} makes what its schema refuses: {made}");
        for _ in 0..index % 4 {
            mutate(&mut made, &mut random);
        }
        tally.take(name, pair, &made);
    }
    tally
}

#[test]
fn every_member_of_every_definition_gets_the_same_verdict() {
    let Some((ours, official, _)) = both() else { return };
    let Tally { refused, accepted, disagreements } = sweep(&ours, &official, &shared_names(&ours, &official));
    let shown: Vec<_> = disagreements.iter().take(8).cloned().collect();
    assert!(disagreements.is_empty(), "{} disagree:\n{}", disagreements.len(), shown.join("\n"));
    println!("swept: {accepted} documents accepted and {refused} refused by both");
}

#[test]
fn generated_documents_get_the_same_verdict() {
    let Some((ours, official, _)) = both() else { return };
    let full = std::env::var_os("COPILOTKIT_TEST_FULL").is_some();
    let documents = if full { 10 * DOCUMENTS } else { DOCUMENTS };
    let Tally { refused, accepted, disagreements } = compare(&ours, &official, documents);
    let shown: Vec<_> = disagreements.iter().take(8).cloned().collect();
    assert!(disagreements.is_empty(), "{} disagree:\n{}", disagreements.len(), shown.join("\n"));
    assert!(refused > documents / 4 && accepted > documents / 4, "one-sided: {accepted} accepted, {refused} refused");
    println!("{documents} documents: {accepted} accepted and {refused} refused by both");
}

/// The comparison is worth something only if it finds what is wrong.
#[test]
fn a_defect_of_a_schema_is_noticed() {
    let Some((ours, official, _)) = both() else { return };
    let defects: &[(&str, &str, Option<Value>)] = &[
        ("RunFinishedInterruptOutcome", "/properties/interrupts/minItems", None),
        ("Tool", "/unevaluatedProperties", None),
        ("ToolCallStartEvent", "/required", Some(json!(["type", "toolCallName"]))),
        ("CustomEvent", "/properties/value", Some(json!({ "not": { "type": "null" } }))),
        ("TokenUsage", "/properties/inputTokens/minimum", None),
        ("AudioPart", "/properties/metadata/not", None),
        ("Context", "/properties/value/type", Some(json!(["string", "null"]))),
        ("JsonPointer", "/pattern", None),
        ("TextMessageRole", "/enum/0", Some(json!("tool"))),
        ("SubagentFinishedOutcome", "/oneOf/1", Some(json!({ "$ref": "#/$defs/RunFinishedCancelledOutcome" }))),
    ];
    for (name, pointer, value) in defects {
        let mut broken = ours.clone();
        let schema = broken.get_mut(*name).unwrap();
        match value {
            Some(value) => *schema.pointer_mut(pointer).unwrap() = value.clone(),
            None => {
                let (parent, key) = pointer.rsplit_once('/').unwrap();
                assert!(
                    schema.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).is_some(),
                    "{pointer}"
                );
            }
        }
        let swept = sweep(&broken, &official, &[(*name).to_owned()]).disagreements.len();
        let found = if swept > 0 { swept } else { compare(&broken, &official, DOCUMENTS).disagreements.len() };
        assert!(found > 0, "nobody noticed {name}{pointer}");
    }
}

/// What the schema accepts, the types read and write back as it was.
#[test]
fn the_types_read_and_write_what_the_schema_accepts() {
    let ours = definitions::ag_ui("/$defs");
    let mut random = Random::new(7);
    for _ in 0..2_000 {
        let made = document(&ours, &ours["Event"], &mut random, 0);
        let mut event: Event = from_str(&made.to_string()).unwrap_or_else(|error| panic!("{error}: {made}"));
        assert!(!event.tidy(), "{made} holds what the types do not know");
        let mut expected = made;
        // Always written, since 0.0.59 requires them.
        if let Some(input) = expected.get_mut("input").and_then(Value::as_object_mut) {
            input.entry("tools").or_insert_with(|| json!([]));
            input.entry("context").or_insert_with(|| json!([]));
        }
        let written: Value = serde_json::from_slice(&event.to_json()).unwrap();
        assert_eq!(written, expected);
    }
}
