//! What this crate makes of a stream.

use super::case::{Answer, Case};
use bytes::Bytes;
use copilotkit_protocol::{
    Applied, Deviation, Downgrade, Emitted, End, Enforce, Event, Expander, Json, Message, Peer, Repair, RepairOptions,
    Verifier, from_str,
};
use serde_json::Value;

fn applied(case: &Case) -> Applied {
    let messages = case.messages.iter().map(|message| from_str::<Message>(&message.to_string()).unwrap()).collect();
    Applied::new(messages, Some(Json::from(case.state.clone())))
}

/// The stages of a 1.0 client.
pub(crate) fn client(case: &Case) -> Answer {
    let mut made = 0;
    let mut enforce = Enforce::new(|| {
        made += 1;
        format!("00000000-0000-4000-8000-{made:012}")
    });
    let (mut expander, mut verifier, mut applied) = (Expander::new(), Verifier::new(), applied(case));
    let mut notes = Vec::new();
    let mut run = || {
        for text in case.texts() {
            let event =
                enforce.push(Bytes::from(text), &mut notes).map_err(|error| ("Malformed", error.to_string()))?;
            let mut expanded = Vec::new();
            if let Some(event) = event {
                expander.push(event, &mut expanded).map_err(|error| ("AGUIError", error.to_string()))?;
            }
            for event in expanded {
                verifier.check(&event).map_err(|error| ("AGUIError", error.to_string()))?;
                applied.apply(&event.event());
            }
        }
        Ok(())
    };
    let end: Result<(), (&str, String)> = run();
    let removed = notes.into_iter().filter_map(|note| match note {
        Deviation::Dropped { event } => Some(vec![event]),
        Deviation::Removed { event, path } => Some(vec![event, path]),
        _ => None,
    });
    let removed = removed.collect();
    let (name, error) = end.err().map_or_else(Default::default, |(name, error)| (name.to_owned(), error));
    let (messages, state) = held(&applied);
    Answer { ok: name.is_empty(), name, error, messages, state, removed, stray: None }
}

fn held(applied: &Applied) -> (Value, Value) {
    (serde_json::to_value(applied.messages()).unwrap(), applied.state().to_value())
}

/// What a server passes on to this client, and what the client has to hold then. `None` when an initial message is
/// beyond what the client knows.
pub(crate) fn served(case: &Case, peer: Peer) -> (Case, Answer) {
    let options = RepairOptions {
        thread_id: "t".into(),
        run_id: "r".into(),
        state: Some(Json::from(case.state.clone())),
        ..Default::default()
    };
    let (mut expander, mut repair) = (Expander::new(), Repair::new(options));
    let (mut end, mut out) = (End::Ended, Vec::new());
    for text in case.texts() {
        let mut expanded = Vec::new();
        let event = Emitted::from_json(Bytes::from(text)).map_err(|error| error.to_string());
        if let Err(message) =
            event.and_then(|event| expander.push(event, &mut expanded).map_err(|error| error.to_string()))
        {
            end = End::Failed { code: "invalid_event".into(), message };
            break;
        }
        expanded.into_iter().for_each(|event| repair.push(event, &mut out));
    }
    repair.finish(end, &mut out);
    let mut applied = applied(case);
    let mut frames = Vec::new();
    for event in out {
        let json = match peer.gate(&event.event()) {
            Downgrade::Drop => continue,
            Downgrade::Same => event.to_json(),
            Downgrade::Changed(event) => event.to_json().into(),
        };
        applied.apply(&Event::from_json(&json).unwrap());
        frames.push(Value::String(String::from_utf8(json.to_vec()).unwrap()));
    }
    let (messages, state) = held(&applied);
    let served = Case { frames, ..case.clone() };
    (
        served,
        Answer {
            ok: true,
            name: String::new(),
            error: String::new(),
            messages,
            state,
            removed: Vec::new(),
            stray: None,
        },
    )
}
