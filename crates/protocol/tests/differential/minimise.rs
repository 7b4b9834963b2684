//! The smallest stream that still shows a disagreement.

use super::case::Case;
use serde_json::Value;

/// Takes away whatever can go while `fails` still holds for one of the candidates; `fails` gives the first that does.
pub(crate) fn minimise(mut case: Case, mut fails: impl FnMut(&[Case]) -> Option<usize>) -> Case {
    for _ in 0..300 {
        let mut smaller = candidates(&case);
        let Some(at) = fails(&smaller) else { break };
        case = smaller.swap_remove(at);
    }
    case
}

fn candidates(case: &Case) -> Vec<Case> {
    let mut out = Vec::new();
    let len = case.frames.len();
    for size in [len / 2, len / 4, 1] {
        for at in (0..len).step_by(size.max(1)).filter(|_| size > 0) {
            let mut frames = case.frames.clone();
            frames.drain(at..(at + size).min(len));
            out.push(Case { frames, ..case.clone() });
        }
    }
    for messages in without_one(&Value::Array(case.messages.clone()), 0) {
        out.push(Case { messages: messages.as_array().unwrap().clone(), ..case.clone() });
    }
    if case.state != serde_json::json!({}) {
        out.push(Case { state: serde_json::json!({}), ..case.clone() });
    }
    for (at, frame) in case.frames.iter().enumerate() {
        for frame in without_one(frame, 6) {
            let mut frames = case.frames.clone();
            frames[at] = frame;
            out.push(Case { frames, ..case.clone() });
        }
    }
    out
}

/// The value without one of its parts, at any depth.
fn without_one(value: &Value, depth: usize) -> Vec<Value> {
    let mut out = Vec::new();
    match value {
        Value::Object(members) => {
            for (key, inner) in members {
                if key != "type" && key != "id" && key != "role" {
                    let mut rest = members.clone();
                    rest.remove(key);
                    out.push(rest.into());
                }
                for smaller in without_one(inner, depth.saturating_sub(1)).into_iter().filter(|_| depth > 0) {
                    let mut rest = members.clone();
                    rest.insert(key.clone(), smaller);
                    out.push(rest.into());
                }
            }
        }
        Value::Array(items) => {
            for (at, inner) in items.iter().enumerate() {
                let mut rest = items.clone();
                rest.remove(at);
                out.push(rest.into());
                for smaller in without_one(inner, depth.saturating_sub(1)).into_iter().filter(|_| depth > 0) {
                    let mut rest = items.clone();
                    rest[at] = smaller;
                    out.push(rest.into());
                }
            }
        }
        _ => {}
    }
    out
}
