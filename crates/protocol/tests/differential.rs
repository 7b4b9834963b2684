//! The published AG-UI clients and this crate, on the same generated streams.
//!
//! Each stream goes three ways: as it is, to client 1.0.0 and to the stages that this crate has for a client; repaired
//! and cut down to 1.0, to client 1.0.0; and repaired and cut down to 0.0.59, to client 0.0.59, where it has to be
//! accepted. What comes out must be the same on both sides, or be listed in `exceptions.rs`.
//!
//! | variable | meaning |
//! |---|---|
//! | `COPILOTKIT_TEST_FULL` | 50,000 streams, not 2,000 |
//! | `COPILOTKIT_REQUIRE_NODE` | fail where Node or the clients are missing, do not skip |
//! | `COPILOTKIT_STREAMS` | that many streams |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of a test")]

#[path = "differential/case.rs"]
mod case;
#[path = "differential/exceptions.rs"]
mod exceptions;
#[path = "differential/generate.rs"]
mod generate;
#[path = "differential/minimise.rs"]
mod minimise;
#[path = "differential/node.rs"]
mod node;
#[path = "differential/ours.rs"]
mod ours;
#[path = "differential/values.rs"]
mod values;

use case::{Answer, Aspect, Case};
use copilotkit_protocol::Peer;
use exceptions::EXCEPTIONS;
use node::Client;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const STREAMS: usize = 2_000;
const STREAMS_IN_FULL: usize = 50_000;
const BATCH: usize = 500;
/// Disagreements that are reduced and shown; more are only counted.
const SHOWN: usize = 8;

/// Which way a stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    AsItIs,
    ServedToV1,
    ServedToLegacy,
}

const WAYS: [Way; 3] = [Way::AsItIs, Way::ServedToV1, Way::ServedToLegacy];

impl Way {
    /// What the client is given, and what should come out.
    fn prepare(self, case: &Case) -> (Case, Answer) {
        match self {
            Self::AsItIs => (case.clone(), ours::client(case)),
            Self::ServedToV1 => ours::served(case, Peer::V1 { minor: 0 }),
            Self::ServedToLegacy => ours::served(case, Peer::Legacy),
        }
    }
}

struct Clients {
    v1: Client,
    legacy: Client,
}

/// A case on which the two differ.
struct Found {
    case: Case,
    what: Vec<Aspect>,
    theirs: Answer,
    ours: Answer,
}

impl Clients {
    fn start() -> Self {
        Self { v1: Client::start("1.0"), legacy: Client::start("0.0.59") }
    }

    fn ask(&mut self, way: Way, cases: &[Case]) -> Vec<Answer> {
        if way == Way::ServedToLegacy { self.legacy.ask(cases) } else { self.v1.ask(cases) }
    }

    /// What each case comes to: the client's answer, and the disagreement if there is one.
    fn compare(
        &mut self,
        way: Way,
        cases: &[Case],
        excused: &mut BTreeMap<&'static str, usize>,
    ) -> Vec<(bool, Option<Found>)> {
        let (given, ours): (Vec<Case>, Vec<Answer>) = cases.iter().map(|case| way.prepare(case)).unzip();
        let answers = self.ask(way, &given).into_iter().zip(ours).zip(&given).zip(cases);
        answers
            .map(|(((theirs, ours), given), case)| {
                let mut what = theirs.differences(&ours);
                what.retain(|aspect| {
                    let excuse = EXCEPTIONS
                        .iter()
                        .filter(|exception| exception.aspects.contains(aspect) && exception.ways.contains(&way));
                    let excuse = excuse.into_iter().find(|exception| (exception.holds)(given, &theirs, &ours));
                    excuse.map(|exception| *excused.entry(exception.name).or_default() += 1).is_none()
                });
                let found =
                    (!what.is_empty()).then(|| Found { case: case.clone(), what, theirs: theirs.clone(), ours });
                (theirs.ok, found)
            })
            .collect()
    }

    fn reduce(&mut self, way: Way, found: Found) -> Found {
        let what = found.what.clone();
        let mut last = None;
        let mut excused = BTreeMap::new();
        minimise::minimise(found.case.clone(), |candidates| {
            let hits = self.compare(way, candidates, &mut excused);
            let (at, hit) = hits
                .into_iter()
                .enumerate()
                .find_map(|(at, (_, found))| found.filter(|found| found.what == what).map(|found| (at, found)))?;
            last = Some(hit);
            Some(at)
        });
        last.unwrap_or(found)
    }
}

/// True when the test must be skipped.
fn skipped() -> bool {
    let Some(why) = node::missing() else { return false };
    assert!(std::env::var_os("COPILOTKIT_REQUIRE_NODE").is_none(), "the published clients are required: {why}");
    println!("skipped: no comparison with the published clients: {why}");
    true
}

fn show(way: Way, found: &Found) -> String {
    let case = serde_json::to_string(&found.case).unwrap();
    let (given, _) = way.prepare(&found.case);
    let given =
        if way == Way::AsItIs { String::new() } else { format!("  given: {}\n", given.texts().join("\n         ")) };
    let side = |answer: &Answer| serde_json::to_string(answer).unwrap();
    format!(
        "{way:?}, {:?}:\n  {case}\n{given}  theirs: {}\n  ours:   {}\n",
        found.what,
        side(&found.theirs),
        side(&found.ours)
    )
}

#[test]
fn the_published_clients_agree() {
    if skipped() {
        return;
    }
    let asked = std::env::var_os("COPILOTKIT_STREAMS").and_then(|count| count.to_str()?.parse().ok());
    let full = std::env::var_os("COPILOTKIT_TEST_FULL").is_some();
    let count = asked.unwrap_or(if full { STREAMS_IN_FULL } else { STREAMS });
    // The same streams every time, so that a change is what makes a difference; others in the full run.
    let mut runner = if full { TestRunner::new(Config::default()) } else { TestRunner::deterministic() };
    let strategy = generate::case();
    let mut clients = Clients::start();
    let (mut accepted, mut excused, mut disagreements) = (0, BTreeMap::new(), Vec::new());
    let mut done = 0;
    while done < count && disagreements.len() < 100 {
        let cases: Vec<Case> =
            (0..BATCH.min(count - done)).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
        done += cases.len();
        for way in WAYS {
            for (ok, found) in clients.compare(way, &cases, &mut excused) {
                accepted += usize::from(ok && way == Way::AsItIs);
                disagreements.extend(found.map(|found| (way, found)));
            }
        }
    }
    println!("{done} streams, {accepted} of them accepted as they are; excused: {excused:?}");
    if disagreements.is_empty() {
        assert!(accepted * 5 > done && accepted * 5 < done * 4, "the generator makes too few of one kind");
        return;
    }
    let total = disagreements.len();
    let mut text = String::new();
    let mut shown: Vec<String> = Vec::new();
    for (way, found) in disagreements {
        if shown.len() == SHOWN {
            break;
        }
        let found = clients.reduce(way, found);
        let kind = format!("{way:?} {:?} {} {}", found.what, found.theirs.error, found.ours.error);
        let kinds: Vec<&Value> = found.case.frames.iter().map(|frame| &frame["type"]).collect();
        let kind = format!("{kind} {kinds:?}");
        if !shown.contains(&kind) {
            shown.push(kind);
            text += &show(way, &found);
        }
    }
    panic!("{total} disagreements in {done} streams, among them:\n{text}");
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

/// Streams on which the two once differed. What client 1.0.0 makes of each stands in its file, so that this needs no
/// Node; where Node is at hand, the file is checked, too, and the other two ways are gone. With `INSTA_UPDATE=always`
/// the answers are written anew.
#[test]
fn what_once_differed_agrees() {
    let files = fixtures();
    assert!(!files.is_empty());
    let mut clients = (!skipped()).then(Clients::start);
    for path in files {
        let mut file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let case: Case = serde_json::from_value(file.clone()).unwrap();
        if let Some(clients) = &mut clients {
            let theirs = clients.v1.ask(std::slice::from_ref(&case)).pop().unwrap();
            if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
                file["client"] = json!(theirs);
                std::fs::write(&path, serde_json::to_string_pretty(&file).unwrap() + "\n").unwrap();
            }
            for way in WAYS {
                let (_, found) = clients.compare(way, std::slice::from_ref(&case), &mut BTreeMap::new()).pop().unwrap();
                assert!(
                    found.is_none(),
                    "{}: {}",
                    path.display(),
                    found.map(|found| show(way, &found)).unwrap_or_default()
                );
            }
            let kept: Answer = serde_json::from_value(file["client"].clone()).unwrap();
            assert_eq!(theirs.differences(&kept), [], "{}: the file does not say what the client does", path.display());
        }
        let theirs: Answer = serde_json::from_value(file["client"].clone()).unwrap();
        let ours = ours::client(&case);
        assert_eq!(theirs.differences(&ours), [], "{}: {ours:?}", path.display());
    }
}

#[test]
fn every_exception_has_a_reason() {
    for exception in EXCEPTIONS {
        assert!(exception.reason.len() > 20, "{}", exception.name);
    }
}
