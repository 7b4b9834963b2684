//! Where this crate and a published client disagree on purpose, or cannot agree.

use super::Way;
use super::case::{Answer, Aspect, Case, alike};
use serde_json::Value;

/// One kind of disagreement.
pub(crate) struct Exception {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) ways: &'static [Way],
    pub(crate) aspects: &'static [Aspect],
    /// Whether it explains that the client (second) and we (third) make different things of the frames that the client
    /// was given.
    pub(crate) holds: fn(&Case, &Answer, &Answer) -> bool,
}

const RAW: &[Way] = &[Way::AsItIs];
const SERVED: &[Way] = &[Way::ServedToV1, Way::ServedToLegacy];
const LEGACY: &[Way] = &[Way::ServedToLegacy];

pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        name: "a patch that the clients' library takes and RFC 6902 refuses",
        reason: "fast-json-patch reads empty indices and those with leading zeros, moves a value into itself, copies behind \
                 the end of an array, and moves or copies what is not there to the root, which leaves a state that is no JSON and may fail the run later",
        ways: RAW,
        aspects: &[Aspect::State, Aspect::Messages, Aspect::Verdict],
        holds: |given, _, _| operations(given, &["delta", "patch"]).any(|operation| is_beyond_the_rfc(&operation)),
    },
    Exception {
        name: "such a patch of an activity",
        reason: "as above; a server does not follow the content of activities, so it cannot tell that a patch does not apply",
        ways: SERVED,
        aspects: &[Aspect::Messages],
        holds: |given, _, _| operations(given, &["patch"]).any(|operation| is_beyond_the_rfc(&operation)),
    },
    Exception {
        name: "an activity whose content would no longer be an object",
        reason: "AG-UI wants an object there; the clients do not look at what a patch of the root leaves, here it is not \
                 applied",
        ways: &super::WAYS,
        aspects: &[Aspect::Messages],
        holds: |given, _, _| operations(given, &["patch"]).any(|operation| operation["path"] == ""),
    },
    Exception {
        name: "two messages of one id share their fate after a snapshot",
        reason: "where a conversation holds an id twice, a snapshot puts one JavaScript object in both places, and later \
                 events change both; here they are two messages, of which the first is found",
        ways: &super::WAYS,
        aspects: &[Aspect::Messages],
        holds: |given, theirs, ours| {
            let ids = |answer: &Answer| {
                let all = answer.messages.as_array().cloned().unwrap_or_default();
                all.into_iter().map(|message| message["id"].clone()).collect::<Vec<_>>()
            };
            let all = ids(ours);
            alike(&Value::Array(all.clone()), &Value::Array(ids(theirs)))
                && all.iter().enumerate().any(|(at, id)| all[..at].contains(id))
                && events(given).any(|event| event["type"] == "MESSAGES_SNAPSHOT")
        },
    },
    Exception {
        name: "0.0.59 ignores falsy states",
        reason: "0.0.59 takes a state of null, 0, false or an empty text for no news; 1.0 takes it for the state",
        ways: LEGACY,
        aspects: &[Aspect::State],
        holds: |given, _, _| {
            events(given).any(|event| event["type"] == "STATE_SNAPSHOT" && is_falsy(&event["snapshot"]))
                || operations(given, &["delta"]).any(|operation| operation["path"] == "")
        },
    },
    Exception {
        name: "0.0.59 keeps an activity or reasoning whose id a snapshot gives to something else",
        reason: "0.0.59 keeps its own activity and reasoning messages before it looks at the snapshot's ids; 1.0 \
                 replaces them",
        ways: LEGACY,
        aspects: &[Aspect::Messages],
        holds: |given, _, _| snapshot_names_what_was_kept(given),
    },
    Exception {
        name: "0.0.59 writes reasoning into an activity of the same id",
        reason: "only 1.0 leaves an activity alone that a reasoning message shares its id with",
        ways: LEGACY,
        aspects: &[Aspect::Messages],
        holds: |given, _, _| {
            let activities = ids_of(given, &["activity"], &["ACTIVITY_SNAPSHOT"]);
            events(given).any(|event| {
                event["type"].as_str().is_some_and(|kind| kind.starts_with("REASONING_MESSAGE"))
                    && event["messageId"].as_str().is_some_and(|id| activities.iter().any(|other| other == id))
            })
        },
    },
    Exception {
        name: "0.0.59 forgets the new members of parts",
        reason: "ids of parts and metadata of text parts are of 1.0; 0.0.59 drops them without a word, so they are sent",
        ways: LEGACY,
        aspects: &[Aspect::Messages],
        holds: |_, theirs, ours| alike(&theirs.messages, &without_new_members(&ours.messages)),
    },
];

/// The messages without what only 1.0 keeps in a part.
fn without_new_members(messages: &Value) -> Value {
    let mut messages = messages.clone();
    let contents =
        messages.as_array_mut().into_iter().flatten().filter_map(|message| message.get_mut("content")?.as_array_mut());
    for part in contents.flatten().filter_map(Value::as_object_mut) {
        if part.get("type").is_some_and(|kind| kind != "binary") {
            part.remove("id");
        }
        if part.get("type").is_some_and(|kind| kind == "text") {
            part.remove("metadata");
        }
    }
    messages
}

fn is_beyond_the_rfc(operation: &Value) -> bool {
    let (path, from) = (operation["path"].as_str().unwrap_or_default(), operation["from"].as_str().unwrap_or_default());
    let shifts = matches!(operation["op"].as_str(), Some("move" | "copy"));
    let to_root = shifts && path.is_empty();
    let into_itself = operation["op"] == "move" && path.starts_with(from);
    // The place that a value is moved or copied to is not checked against the length of its array.
    let behind_the_end = shifts && path.rsplit('/').next().is_some_and(|step| step.parse::<u64>().is_ok());
    let odd = |step: &str| step.is_empty() || step.len() > 1 && step.starts_with('0');
    to_root || into_itself || behind_the_end || paths(operation).any(|path| path.split('/').skip(1).any(odd))
}

fn events(case: &Case) -> impl Iterator<Item = Value> {
    case.texts().into_iter().filter_map(|text| serde_json::from_str(&text).ok())
}

/// Every operation of the patches under these members.
fn operations(case: &Case, keys: &'static [&'static str]) -> impl Iterator<Item = Value> {
    events(case).flat_map(|event| {
        let lists = keys.iter().map(|key| event[key].as_array().cloned());
        lists.flatten().flatten().collect::<Vec<_>>()
    })
}

fn paths(operation: &Value) -> impl Iterator<Item = &str> {
    ["path", "from"].into_iter().filter_map(|key| operation[key].as_str())
}

fn is_falsy(value: &Value) -> bool {
    value.is_null() || *value == false || *value == "" || value.as_f64() == Some(0.0)
}

/// The ids that some message of these roles has, or some event of these types.
fn ids_of(case: &Case, roles: &[&str], kinds: &[&str]) -> Vec<String> {
    let of_role = |message: &&Value| message["role"].as_str().is_some_and(|role| roles.contains(&role));
    let id = |value: &Value, key: &str| value[key].as_str().map(str::to_owned);
    let mut ids: Vec<String> = case.messages.iter().filter(of_role).filter_map(|message| id(message, "id")).collect();
    for event in events(case) {
        let messages = [event["messages"].as_array(), event["input"]["messages"].as_array()];
        let messages = messages.into_iter().flatten().flatten();
        ids.extend(messages.filter(of_role).filter_map(|message| id(message, "id")));
        if event["type"].as_str().is_some_and(|kind| kinds.contains(&kind)) {
            ids.extend(id(&event, "messageId"));
        }
    }
    ids
}

/// A MESSAGES_SNAPSHOT names the id of an activity or reasoning message.
fn snapshot_names_what_was_kept(case: &Case) -> bool {
    let kept = ids_of(case, &["activity", "reasoning"], &["ACTIVITY_SNAPSHOT", "REASONING_MESSAGE_START"]);
    let snapshots: Vec<Value> = events(case).filter(|event| event["type"] == "MESSAGES_SNAPSHOT").collect();
    let mut named = snapshots.iter().filter_map(|event| event["messages"].as_array()).flatten();
    named.any(|message| message["id"].as_str().is_some_and(|id| kept.iter().any(|other| other == id)))
}
