//! Work on the file that no server does.

use crate::kit::*;
use bytes::Bytes;
use copilotkit_runtime::Principal;
use copilotkit_runtime::store::sqlite::{
    ImportOptions, Imported, ListedThread, Maintenance, MaintenanceError, OpenError, SqliteStore, ThreadFilter,
};
use copilotkit_runtime::store::*;
use std::time::Duration;

fn of(principal: &str, id: &str) -> ThreadKey {
    ThreadKey::new(&Principal::new(principal), id)
}

fn everything() -> ThreadFilter {
    ThreadFilter { include_archived: true, ..ThreadFilter::default() }
}

fn listed(store: &Maintenance, filter: &ThreadFilter) -> Vec<ListedThread> {
    let mut all = Vec::new();
    store
        .list(filter, |thread| {
            all.push(thread);
            true
        })
        .unwrap();
    all
}

fn names(store: &Maintenance, filter: &ThreadFilter) -> Vec<String> {
    listed(store, filter).iter().map(|thread| format!("{}/{}", thread.principal, thread.record.id)).collect()
}

fn export(store: &Maintenance) -> Vec<u8> {
    let mut out = Vec::new();
    Maintenance::export_head(&mut out).unwrap();
    let mut keys: Vec<_> = listed(store, &everything()).iter().map(ListedThread::key).collect();
    keys.sort();
    for key in keys {
        assert!(store.export(&key, &mut out, &mut |_| true).unwrap().is_some());
    }
    out
}

fn import(store: &mut Maintenance, text: &[u8], options: &ImportOptions) -> Result<Imported, MaintenanceError> {
    store.import(&mut &text[..], options, &mut |_| true)
}

/// Three threads with all that a thread can have.
async fn filled() -> Place {
    let place = Place::new();
    let store = place.open();
    let (one, two, three) = (of("alice", "one"), of("bob", "one"), of("alice", "\u{1b}[2J\n\"two\""));
    // The raw form alone, both forms, the compact form alone.
    run(&store, &one, 30, "raw ").await;
    let lease = run(&store, &one, 300, "both ").await;
    store.compact(&lease).await;
    assert_eq!(log(&store, compact(&one)).await.len(), 2 * 5, "the compact form is made now");
    drop(store);

    let mut options = place.options();
    options.raw_kept = Duration::ZERO;
    let store = SqliteStore::open(options).unwrap();
    run(&store, &two, 50, "compact ").await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    store.tidy_up().await.unwrap();
    drop(store);

    let store = place.open();
    run(&store, &one, 400, "ä large piece of text ").await;
    // Events as their agent wrote them: with space around, breaks inside, members that nobody knows.
    let begin = BeginRun { message_ids: vec!["u1".into()], ..begin_of(&three, "r\u{0}") };
    let lease = store.begin(begin).await.unwrap().lease;
    let texts = [
        " {\"type\":\"RUN_STARTED\", \"threadId\":\"t\",\"runId\":\"r\"}",
        "{\"type\":\"CUSTOM\",\n\"name\":\"x\",\"value\":[1.50, 1e2],\"unknown\":true}",
        "{\"type\":\"RUN_FINISHED\",\"threadId\":\"t\",\"runId\":\"r\",\"vendor\":{\"a\" : \"\\u00e4\"}}\n",
    ];
    let frames: Vec<_> = texts
        .iter()
        .zip(lease.first_seq..)
        .map(|(text, seq)| Frame::restore(seq, lease.run, Bytes::from_static(text.as_bytes()), true).unwrap())
        .collect();
    let append = Append { frames, message_ids: vec!["m1".into(), "m\"2".into()] };
    store.finish(&lease, &append).await.unwrap();
    store.set_blob(&three, "key", Some(Bytes::from_static(&[0, 255, 10]))).await.unwrap();
    let update =
        ThreadUpdate { name: Some(Some("A \"name\"".to_owned())), archived: Some(true), ..ThreadUpdate::default() };
    store.update(&three, update).await.unwrap();
    place
}

async fn contents(place: &Place) -> Vec<(ListedThread, Vec<(u64, String)>, Vec<(u64, String)>, Vec<Bytes>)> {
    let mut threads = listed(&Maintenance::read(&place.path()).unwrap(), &everything());
    threads.sort_by_key(ListedThread::key);
    let store = place.open();
    let mut all = Vec::new();
    for mut thread in threads {
        // How the rows are cut is not part of a thread.
        thread.bytes = 0;
        let key = thread.key();
        let replay = store.replay(compact(&key)).await.unwrap();
        let mut sent: Vec<_> =
            replay.runs.iter().flat_map(|run| [run.sse(false).clone(), run.sse(true).clone()]).collect();
        sent.extend(replay.rest.frames.iter().filter_map(|frame| frame.for_client(false).cloned()));
        all.push((thread, log(&store, whole(&key)).await, log(&store, compact(&key)).await, sent));
    }
    all
}

#[tokio::test]
async fn what_was_exported_is_the_same_after_an_import() {
    let place = filled().await;
    let text = export(&Maintenance::read(&place.path()).unwrap());
    let copy = Place::new();
    let done = import(&mut Maintenance::write(&copy.path()).unwrap(), &text, &ImportOptions::default()).unwrap();
    assert_eq!((done.threads, done.replaced), (3, 0));
    let lines = String::from_utf8(text.clone()).unwrap();
    assert_eq!(done.frames, lines.lines().filter(|line| line.starts_with("{\"frame\":")).count() as u64);
    assert!(lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    assert!(lines.contains("\"compact\":true,\"event\"") && lines.contains("\"text\":\" {"), "each form is in it");
    let again = export(&Maintenance::read(&copy.path()).unwrap());
    assert!(again == text, "an export of the import is another one");

    let (before, after) = (contents(&place).await, contents(&copy).await);
    assert_eq!(before.len(), 3);
    assert!(before.iter().all(|(_, log, compact, sent)| !log.is_empty() && !compact.is_empty() && !sent.is_empty()));
    assert_eq!(before, after);

    // Runs go on behind it, and messages are known.
    let three = of("alice", "\u{1b}[2J\n\"two\"");
    let mut heads = Vec::new();
    for place in [&place, &copy] {
        let store = place.open();
        let ids = vec!["u1".into(), "m\"2".into(), "new".into()];
        let begun = store.begin(BeginRun { message_ids: ids, ..begin_of(&three, "next") }).await.unwrap();
        // The id of the user's message came with the run, that is only known once it was logged.
        heads.push((begun.lease.first_seq, begun.known));
        assert_eq!(store.blob(&three, "key").await.unwrap().unwrap(), Bytes::from_static(&[0, 255, 10]));
    }
    assert_eq!(heads[0], heads[1]);
    assert!(heads[0].1.contains("m\"2") && !heads[0].1.contains("new"));
}

#[tokio::test]
async fn an_import_is_whole_or_nothing() {
    let place = filled().await;
    let text = export(&Maintenance::read(&place.path()).unwrap());
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let copy = Place::new();
    let mut store = Maintenance::write(&copy.path()).unwrap();
    let ends: Vec<_> = lines.iter().enumerate().filter(|(_, line)| line.starts_with(b"{\"end\"")).collect();
    // Cut behind each line near a beginning or an end, and in the middle of one.
    for cut in (0..lines.len()).filter(|cut| cut % 41 == 0 || ends.iter().any(|(end, _)| end.abs_diff(*cut) < 3)) {
        let part: Vec<u8> = [lines[..cut].concat(), lines[cut][..lines[cut].len() / 2].to_vec()].concat();
        let error = import(&mut store, &part, &ImportOptions::default()).unwrap_err();
        assert!(matches!(error, MaintenanceError::Line { .. }), "{cut}: {error}");
        let clean = ends.iter().any(|(end, _)| end + 1 == cut) || cut == 1;
        let whole = import(&mut store, &lines[..cut].concat(), &ImportOptions::default());
        if clean {
            assert!(whole.is_ok(), "{cut}: {whole:?}");
            for thread in listed(&store, &everything()) {
                assert!(store.delete(&thread.key()).unwrap());
            }
        } else {
            assert!(matches!(whole, Err(MaintenanceError::Line { .. })), "{cut}: {whole:?}");
        }
        assert!(listed(&store, &everything()).is_empty(), "{cut}");
    }
    // Asked to stop in the middle of the second thread.
    let thread = |id: &str| {
        let members =
            "\"name\":null,\"agentId\":\"a\",\"archived\":false,\"createdAt\":1,\"updatedAt\":2,\"nextSeq\":0";
        format!("{{\"thread\":{{\"principal\":\"p\",\"id\":\"{id}\",{members}}}}}\n")
    };
    let messages: String = (0..10_000).map(|number| format!("{{\"messageId\":\"m{number}\"}}\n")).collect();
    let end = "{\"end\":{\"frames\":0}}\n";
    let long = ["{\"copilotkitThreads\":1}\n", &thread("one"), end, &thread("two"), &messages, end].concat();
    let mut asked = Vec::new();
    let stopped = store.import(&mut long.as_bytes(), &ImportOptions::default(), &mut |threads| {
        asked.push(threads);
        asked.len() < 2
    });
    assert!(matches!(stopped, Err(MaintenanceError::Stopped)), "{stopped:?}");
    assert_eq!(asked, [1, 1]);
    drop(store);
    for table in ["threads", "runs", "chunks", "messages", "blobs"] {
        let sql = format!("SELECT count(*) FROM {table}");
        let rows: i64 = copy.sql().query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}

#[tokio::test]
async fn lines_that_make_no_sense_are_told_by_their_number() {
    let head = "{\"copilotkitThreads\":1}\n";
    let thread = "{\"thread\":{\"principal\":\"p\",\"id\":\"t\",\"name\":null,\"agentId\":\"a\",\"archived\":false,\"createdAt\":1,\"updatedAt\":2,\"nextSeq\":9}}\n";
    let run = "{\"run\":{\"runId\":\"r\",\"agentId\":\"a\",\"beganAt\":1,\"endedAt\":2,\"firstSeq\":0,\"endSeq\":4,\"raw\":true,\"compact\":false}}\n";
    let frame = |seq: u64| {
        format!("{{\"frame\":{{\"seq\":{seq},\"event\":{{\"type\":\"CUSTOM\",\"name\":\"n\",\"value\":1}}}}}}\n")
    };
    let end = |count: u64| format!("{{\"end\":{{\"frames\":{count}}}}}\n");
    let place = Place::new();
    let mut store = Maintenance::write(&place.path()).unwrap();
    let good = [head, thread, run, &frame(1), &frame(3), &end(2)].concat();
    for (text, line, part) in [
        (String::new(), 1, "nothing"),
        ("SQLite format 3".to_owned(), 1, "no line of an export"),
        (thread.to_owned(), 1, "begins with its version"),
        ("{\"copilotkitThreads\":2}\n".to_owned(), 1, "newer copilotkit"),
        ([head, run].concat(), 2, "none has begun"),
        ([head, thread, thread].concat(), 3, "has no end"),
        ([head, thread, &frame(1)].concat(), 3, "belongs to a run"),
        ([head, thread, run, &frame(4)].concat(), 4, "the number 4"),
        ([head, thread, run, &frame(2), &frame(2)].concat(), 5, "the number 2"),
        ([head, thread, run, run].concat(), 4, "numbered behind"),
        ([head, thread, &run.replace("\"endSeq\":4", "\"endSeq\":10")].concat(), 3, "numbered behind"),
        ([head, thread, &run.replace("\"endSeq\":4", "\"endSeq\":null")].concat(), 3, "endSeq and endedAt"),
        (
            [head, thread, &run.replace("\"raw\":true", "\"raw\":false"), &frame(1)].concat(),
            4,
            "no events in this form",
        ),
        ([head, thread, run, &frame(1).replace("CUSTOM", "TEXT_MESSAGE_START")].concat(), 4, "no event of AG-UI"),
        ([head, thread, run, &frame(1), &end(2)].concat(), 5, "has 1 events"),
        ([&good, thread, &end(0)].concat(), 7, "comes twice"),
        ([head, thread, run, &frame(1)].concat(), 4, "cut off"),
        ([head, &thread.replace("\"nextSeq\":9", "\"nextSeq\":9223372036854775808")].concat(), 2, "too large"),
        ([head, thread, "{\"blob\":{\"key\":\"k\",\"base64\":\"!\"}}"].concat(), 3, "base64"),
    ] {
        let error = import(&mut store, text.as_bytes(), &ImportOptions::default()).unwrap_err();
        let MaintenanceError::Line { line: found, what } = &error else { panic!("{text}: {error:?}") };
        assert!(*found == line && what.contains(part), "{text}: {error}");
        assert_eq!(store.size().unwrap(), (0, 0), "{text}");
    }
    // One export behind another, with empty lines between them, is one.
    let two = [&good, "\n", head, &thread.replace("\"t\"", "\"t2\""), &end(0)].concat();
    let done = import(&mut store, two.as_bytes(), &ImportOptions::default()).unwrap();
    assert_eq!((done.threads, done.frames), (2, 2));
}

#[tokio::test]
async fn what_is_in_the_way_stays_unless_it_is_replaced() {
    let place = filled().await;
    let text = export(&Maintenance::read(&place.path()).unwrap());
    let copy = Place::new();
    let store = copy.open();
    run(&store, &of("bob", "one"), 1, "mine").await;
    let mine = log(&store, whole(&of("bob", "one"))).await;
    drop(store);
    let mut store = Maintenance::write(&copy.path()).unwrap();
    let error = import(&mut store, &text, &ImportOptions::default()).unwrap_err();
    let MaintenanceError::Exists { principal, thread_id } = error else { panic!("{error}") };
    assert_eq!((&*principal, &*thread_id), ("bob", "one"));
    assert_eq!(names(&store, &everything()), ["bob/one"]);
    drop(store);
    assert_eq!(log(&copy.open(), whole(&of("bob", "one"))).await, mine);

    let mut store = Maintenance::write(&copy.path()).unwrap();
    let replace = ImportOptions { replace: true, principal: None };
    assert_eq!(import(&mut store, &text, &replace).unwrap().replaced, 1);
    assert_eq!(import(&mut store, &text, &replace).unwrap().replaced, 3);
    assert!(export(&store) == text);
    // All for one: two threads have the same id, and none takes the place of the other.
    let one = ImportOptions { replace: true, principal: Some("carol".to_owned()) };
    assert!(import(&mut store, &text, &one).unwrap_err().to_string().contains("one of carol comes twice"));
    assert!(export(&store) == text);
}

#[tokio::test]
async fn reading_works_beside_a_server_and_writing_does_not() {
    let place = filled().await;
    let store = place.open();
    let thread = of("dora", "live");
    let lease = store.begin(begin_of(&thread, "r")).await.unwrap().lease;
    store.append(&lease, &frames(&lease, 0, [started(), tool_end()])).await.unwrap();
    let reader = Maintenance::read(&place.path()).unwrap();
    let first = listed(&reader, &everything()).remove(0);
    assert!(first.key() == thread && first.live && first.runs == 1 && first.bytes > 0, "{first:?}");
    let mut seen = Vec::new();
    reader
        .frames(&thread, |frame| {
            seen.push(frame.seq);
            true
        })
        .unwrap();
    assert_eq!(seen, [0, 1]);
    let error = Maintenance::write(&place.path()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { holder: Some(_), .. }), "{error}");
    let text = export(&reader);
    // The reader does not hold the server up.
    store.finish(&lease, &frames(&lease, 2, [finished()])).await.unwrap();
    assert!(!listed(&reader, &everything())[0].live);
    assert!(Maintenance::read(&place.folder.path().join("none.db")).is_err());

    // A run that went on is closed where it is taken in, and its thread is free.
    let copy = Place::new();
    import(&mut Maintenance::write(&copy.path()).unwrap(), &text, &ImportOptions::default()).unwrap();
    let store = copy.open();
    assert_eq!(store.interrupted(), 0);
    let log = log(&store, whole(&thread)).await;
    assert_eq!(log.len(), 3);
    assert!(log[2].1.contains("run_interrupted"));
    assert!(store.begin(begin_of(&thread, "r2")).await.is_ok());
}

#[tokio::test]
async fn threads_are_found_adopted_and_deleted() {
    let place = filled().await;
    let two = "\u{1b}[2J\n\"two\"";
    let mut store = Maintenance::write(&place.path()).unwrap();
    let filter = |principal: Option<&str>, id: Option<&str>, include_archived| ThreadFilter {
        principal: principal.map(str::to_owned),
        id: id.map(str::to_owned),
        include_archived,
        ..ThreadFilter::default()
    };
    assert_eq!(names(&store, &filter(None, None, false)), ["alice/one", "bob/one"]);
    assert_eq!(names(&store, &filter(None, Some("one"), true)), ["alice/one", "bob/one"]);
    assert_eq!(names(&store, &filter(Some("bob"), None, true)), ["bob/one"]);
    assert_eq!(names(&store, &filter(Some("alice"), None, true)).len(), 2);
    assert_eq!(names(&store, &ThreadFilter { limit: Some(1), ..everything() }).len(), 1);
    assert!(names(&store, &ThreadFilter { agent_id: Some("other".into()), ..everything() }).is_empty());
    assert_eq!(names(&store, &ThreadFilter { agent_id: Some("agent".into()), ..everything() }).len(), 3);

    let clash = store.adopt(&of("alice", "one"), "bob").unwrap_err();
    assert!(matches!(clash, MaintenanceError::Exists { .. }), "{clash}");
    assert!(store.adopt(&of("alice", two), "bob").unwrap());
    assert!(!store.adopt(&of("alice", two), "bob").unwrap());
    assert!(store.adopt(&of("bob", two), "bob").unwrap(), "it is there already");
    assert!(!store.delete(&of("alice", two)).unwrap());
    drop(store);
    let open = place.open();
    assert!(open.get(&of("alice", two)).await.unwrap().is_none());
    assert_eq!(log(&open, whole(&of("bob", two))).await.len(), 3);
    drop(open);

    let mut store = Maintenance::write(&place.path()).unwrap();
    let policy = |max_threads, max_age| RetentionPolicy { max_threads, max_age, ..RetentionPolicy::default() };
    let keys = |threads: Vec<ListedThread>| threads.iter().map(ListedThread::key).collect::<Vec<_>>();
    assert_eq!(keys(store.excess(&policy(Some(2), None)).unwrap()), [of("bob", "one")], "that used longest ago");
    assert!(store.excess(&policy(None, Some(Duration::from_secs(3600)))).unwrap().is_empty());
    assert_eq!(store.excess(&policy(Some(0), None)).unwrap().len(), 3);
    let size = std::fs::metadata(place.path()).unwrap().len();
    for key in keys(store.excess(&policy(Some(0), None)).unwrap()) {
        assert!(store.delete(&key).unwrap() && !store.delete(&key).unwrap());
    }
    store.shrink(&mut |_| true).unwrap();
    assert_eq!(store.size().unwrap(), (0, 0));
    drop(store);
    let left = std::fs::metadata(place.path()).unwrap().len();
    assert!(left < size, "{left} of {size}");
}
