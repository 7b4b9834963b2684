//! A file system that is really full, and one that may only be read. Needs the right to mount; says so where it has none.

use crate::kit::*;
use copilotkit_protocol::{Code, EventKind};
use copilotkit_runtime::store::sqlite::{SqliteOptions, SqliteStore};
use copilotkit_runtime::store::*;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A small file system in memory.
struct Mount {
    folder: TempDir,
}

fn mount(args: &[&str], target: &Path) -> bool {
    Command::new("mount").args(args).arg(target).output().is_ok_and(|output| output.status.success())
}

impl Mount {
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size},mode=0700");
        if mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], folder.path()) {
            return Some(Self { folder });
        }
        println!("skipped: no file system can be mounted here");
        None
    }

    fn remount(&self, options: &str) -> bool {
        mount(&["-o", &format!("remount,{options}")], self.folder.path())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("threads.db")
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(SqliteOptions::new(self.path())).unwrap()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Whatever still has a file of it open: it goes with the process.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).output();
    }
}

/// Words that differ, so that each takes its room.
fn words(seed: u64) -> String {
    (0..1_200).map(|index| format!("{:x} ", (index * 7_919 + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_costs_no_answer_and_no_thread() {
    let Some(disk) = Mount::new("3m") else { return };
    let store = disk.open();
    let (kept, filler, live) = (key("kept"), key("filler"), key("live"));
    run(&store, &kept, 3, "words that stay").await;
    let before = log(&store, whole(&kept)).await;
    run(&store, &filler, 8, &words(1)).await;
    let begin = |thread: &ThreadKey| BeginRun { ttl: Duration::from_secs(60), ..begin_of(thread, "r") };
    let lease = store.begin(begin(&live)).await.unwrap().lease;
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut count = 0;
    let error = loop {
        assert!(Instant::now() < deadline, "three megabytes are never full");
        match store.append(&lease, &frames(&lease, count, [text(&words(count))])).await {
            Ok(()) => count += 1,
            Err(error) => break error,
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    assert_eq!((error.code(), error.is_retryable()), (Code::StoreFull, false));
    // The end of the answer is seen, what was seen before as well, and other threads are read as before.
    store.finish(&lease, &frames(&lease, count, [finished()])).await.unwrap();
    let page = store.read(whole(&live)).await.unwrap();
    assert_eq!((page.frames.len() as u64, page.live), (count + 1, None));
    assert_eq!(page.frames.last().unwrap().kind, EventKind::RunFinished);
    assert_eq!(log(&store, whole(&kept)).await, before);
    // Whatever else does not fit is refused, and refused as that.
    let more = async {
        let lease = store.begin(begin(&key("more"))).await?.lease;
        let much = frames(&lease, 0, (0..40).map(|seed| text(&words(1_000 + seed))).chain([tool_end()]));
        store.append(&lease, &much).await
    };
    let refused = more.await.unwrap_err();
    assert_eq!(refused.code(), Code::StoreFull, "{refused}");
    // A larger disk: what waited is written by itself, and everything goes on.
    assert!(disk.remount("size=64m"));
    loop {
        assert!(Instant::now() < deadline, "it does not go on");
        match store.begin(begin(&key("new"))).await {
            Ok(begun) => break store.finish(&begun.lease, &frames(&begun.lease, 0, [finished()])).await.unwrap(),
            Err(error) => assert_eq!(error.code(), Code::StoreFull),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let whole_answer = log(&store, whole(&live)).await;
    drop(store);
    let store = disk.open();
    assert_eq!(log(&store, whole(&live)).await, whole_answer);
    assert_eq!(log(&store, whole(&kept)).await, before);
}

#[tokio::test]
async fn a_folder_that_may_only_be_read_is_told_at_the_start() {
    let Some(disk) = Mount::new("8m") else { return };
    let store = disk.open();
    run(&store, &key("t"), 3, "words").await;
    let before = log(&store, whole(&key("t"))).await;
    drop(store);
    assert!(disk.remount("ro"));
    for path in [disk.path(), disk.folder.path().join("new.db"), disk.folder.path().join("sub/new.db")] {
        let error = SqliteStore::open(SqliteOptions::new(&path)).expect_err("nothing can be written there");
        assert_eq!(error.code(), Code::StoreUnusable, "{error}");
        assert!(error.to_string().contains("writable"), "{error}");
    }
    assert!(disk.remount("rw"));
    assert_eq!(log(&disk.open(), whole(&key("t"))).await, before, "nothing was changed");
}
