//! Pictures that a page sends again with each run are stored once, and come back byte for byte.

use crate::kit::*;
use copilotkit_protocol::{Emitted, Event, MessagesSnapshot, RunAgentInput, RunStarted};
use copilotkit_runtime::Principal;
use copilotkit_runtime::store::sqlite::{ImportOptions, Maintenance, SqliteOptions, SqliteStore};
use copilotkit_runtime::store::*;
use serde_json::json;
use std::time::Duration;

/// Text like that of a picture in base64: nothing in it repeats.
fn picture(bytes: usize, seed: u64) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(ALPHABET[(state >> 58) as usize])
    };
    (0..bytes / 3 * 4).map(letter).collect()
}

fn messages(pictures: &[(&str, &str)], run: usize) -> serde_json::Value {
    let content = |base64: &str| {
        json!([
            { "type": "text", "text": "Look" },
            { "type": "image", "source": { "type": "data", "value": base64, "mimeType": "image/png" } },
        ])
    };
    let mut all: Vec<_> =
        pictures.iter().map(|(id, base64)| json!({ "id": id, "role": "user", "content": content(base64) })).collect();
    all.push(json!({ "id": format!("a{run}"), "role": "assistant", "content": format!("It is a picture, {run}.") }));
    json!(all)
}

/// The events of a run whose input and whose snapshot hold the whole history.
fn events_with(pictures: &[(&str, &str)], run: usize) -> Vec<Frame> {
    let input =
        json!({ "threadId": "t", "runId": "r", "messages": messages(pictures, run), "tools": [], "context": [] });
    let input: RunAgentInput = copilotkit_protocol::from_str(&input.to_string()).unwrap();
    let snapshot = MessagesSnapshot { messages: input.messages.clone(), ..Default::default() };
    let started =
        RunStarted { thread_id: "t".into(), run_id: "r".into(), input: Some(Box::new(input)), ..Default::default() };
    let events: Vec<Event> = vec![started.into(), snapshot.into(), tool_end(), finished()];
    events.into_iter().map(|event| Frame::new(0, 0, Emitted::from(event))).collect()
}

/// A run of these events; the number of the first.
async fn run_of(store: &SqliteStore, thread: &ThreadKey, events: &[Frame]) -> u64 {
    let lease = store.begin(begin_of(thread, "r")).await.unwrap().lease;
    let numbered = events.iter().zip(lease.first_seq..);
    let frames = numbered.map(|(frame, seq)| Frame { seq, run: lease.run, ..frame.clone() }).collect();
    store.finish(&lease, &Append { frames, message_ids: Vec::new() }).await.unwrap();
    lease.first_seq
}

async fn run_with(store: &SqliteStore, thread: &ThreadKey, pictures: &[(&str, &str)], run: usize) {
    run_of(store, thread, &events_with(pictures, run)).await;
}

fn count(place: &Place, table: &str) -> i64 {
    place.sql().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

fn on_disk(place: &Place) -> u64 {
    std::fs::metadata(place.path()).unwrap().len()
}

#[tokio::test]
async fn a_picture_that_comes_with_thirty_runs_is_stored_once() {
    let place = Place::new();
    let options = SqliteOptions {
        raw_kept: Duration::ZERO,
        // When it is asked for, and not before.
        upkeep_every: Duration::from_secs(9_000),
        ..place.options()
    };
    let store = SqliteStore::open(options.clone()).unwrap();
    let (thread, base64) = (key("t"), picture(5_000_000, 1));
    let events = events_with(&[("u", &base64)], 0);
    let json = |events: &[Frame]| events.iter().map(|frame| frame.json.len()).sum::<usize>();
    // An agent that tells the whole history, here in the first run and the last, doubles it.
    let sent = |run: usize| if matches!(run, 0 | 29) { 0..2 } else { 0..1 };
    let (mut bytes, mut pictures, mut starts) = (0, 0, Vec::new());
    for run in 0..30 {
        let large = sent(run);
        let events = [&events[large.clone()], &events[2..]].concat();
        (bytes, pictures) = (bytes + json(&events), pictures + large.len());
        starts.push((run_of(&store, &thread, &events).await, json(&events), large.len()));
    }
    let kept = on_disk(&place);
    assert_eq!((store.tidy_up().await.unwrap(), count(&place, "attachments")), (30, 1));
    // A run: its bytes and its pictures.
    let found = async |store: &SqliteStore, from: u64, until: u64| {
        let frames = store.read(ReadLog { from, ..compact(&thread) }).await.unwrap().frames;
        let frames: Vec<_> = frames.into_iter().filter(|frame| frame.seq < until).collect();
        let has = |frame: &&Frame| memchr::memmem::find(&frame.json, base64.as_bytes()).is_some();
        (json(&frames), frames.iter().filter(has).count())
    };
    drop(store);
    // What it says, told once: the picture, and what surrounds it in each run.
    let content = bytes - (pictures - 1) * base64.len();
    let after = on_disk(&place);
    println!("{bytes} bytes of JSON, {content} of content, {after} on the disk ({kept} before the upkeep)");
    assert!(
        bytes > 30 * base64.len() && after as usize <= content * 3 / 2,
        "{after} on the disk, {content} of content"
    );
    let store = SqliteStore::open(options).unwrap();
    let (last, json, pictures) = starts[29];
    assert_eq!(found(&store, last, u64::MAX).await, (json, pictures), "byte for byte, after a restart");
    let whole = store.read(ReadLog { max_bytes: 1, ..compact(&thread) }).await.unwrap();
    assert_eq!(whole.frames[0].json, events[0].json);
    assert!(store.delete(&thread).await.unwrap());
    assert_eq!((count(&place, "attachments"), count(&place, "attachment_uses")), (0, 0));
}

#[tokio::test]
async fn what_no_run_uses_any_more_goes_and_principals_share_nothing() {
    let place = Place::new();
    let options = SqliteOptions { raw_kept: Duration::ZERO, ..place.options() };
    let store = SqliteStore::open(options).unwrap();
    let (one, two) = (picture(30_000, 1), picture(30_000, 2));
    let (alice, bob) = (key("t"), ThreadKey::new(&Principal::new("bob"), "t"));
    run_with(&store, &alice, &[("u", &one)], 0).await;
    run_with(&store, &bob, &[("u", &one)], 0).await;
    assert_eq!(count(&place, "attachments"), 2, "the same picture of another principal is another one");
    // Told twice in one run: the compact form keeps the last state alone.
    let lease = store.begin(begin_of(&alice, "r")).await.unwrap().lease;
    let state = |picture: &str| -> Event {
        let snapshot = copilotkit_protocol::Json::from(json!({ "picture": picture }));
        copilotkit_protocol::StateSnapshot { snapshot, ..Default::default() }.into()
    };
    let events = vec![started(), state(&two), state(&picture(30_000, 3)), state(&one)];
    store.append(&lease, &frames(&lease, 0, events)).await.unwrap();
    store.finish(&lease, &frames(&lease, 4, [finished()])).await.unwrap();
    assert_eq!(count(&place, "attachments"), 4);
    let bytes = || -> i64 {
        let sql = "SELECT bytes FROM threads WHERE principal = 'alice'";
        place.sql().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = (bytes(), log(&store, compact(&alice)).await);
    store.tidy_up().await.unwrap();
    assert_eq!(count(&place, "attachments"), 2);
    assert!(bytes() + 2 * 40_000 <= before.0, "{} of {}", bytes(), before.0);
    assert_eq!(log(&store, compact(&alice)).await, before.1);
    // An export takes them along; what comes in is stored once again.
    drop(store);
    let mut lines = Vec::new();
    Maintenance::export_head(&mut lines).unwrap();
    let export = Maintenance::read(&place.path()).unwrap();
    export.export(&alice, &mut lines, &mut |_| true).unwrap().unwrap();
    drop(export);
    let other = Place::new();
    let mut import = Maintenance::write(&other.path()).unwrap();
    import.import(&mut &lines[..], &ImportOptions::default(), &mut |_| true).unwrap();
    drop(import);
    let store = other.open();
    assert_eq!((log(&store, compact(&alice)).await, count(&other, "attachments")), (before.1, 1));
    // A thread that is taken over keeps its pictures; nobody else's change.
    drop(store);
    let mut work = Maintenance::write(&place.path()).unwrap();
    assert!(work.adopt(&alice, "carol").unwrap());
    assert!(work.delete(&bob).unwrap());
    drop(work);
    let store = place.open();
    let carol = ThreadKey::new(&Principal::new("carol"), "t");
    assert!(log(&store, compact(&carol)).await.iter().any(|(_, json)| json.contains(&one)));
    assert_eq!(count(&place, "attachments"), 1);
}

#[tokio::test]
async fn a_missing_picture_is_told_not_guessed() {
    let place = Place::new();
    let store = place.open();
    run_with(&store, &key("t"), &[("u", &picture(30_000, 1))], 0).await;
    run(&store, &key("other"), 1, "x").await;
    place.sql().execute_batch("DELETE FROM attachments").unwrap();
    let error = store.read(whole(&key("t"))).await.unwrap_err();
    assert_eq!(error.code(), "store_unavailable");
    assert_eq!(log(&store, whole(&key("other"))).await.len(), 5, "others are read as before");
}
