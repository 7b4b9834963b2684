//! Which files are opened, and what is said of the others.

use crate::kit::*;
use copilotkit_runtime::store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use copilotkit_runtime::store::*;
use std::path::Path;

fn refused(path: &Path) -> OpenError {
    let error = SqliteStore::open(SqliteOptions::new(path)).expect_err("it must not be opened");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    error
}

#[tokio::test]
async fn one_process_has_a_file() {
    let place = Place::new();
    let store = place.open();
    let error = refused(&place.path());
    assert_eq!(error.code(), "store_in_use");
    assert!(error.to_string().contains(&std::process::id().to_string()), "it says who: {error}");
    #[cfg(unix)]
    {
        let link = place.folder.path().join("link.db");
        std::os::unix::fs::symlink(place.path(), &link).unwrap();
        assert_eq!(refused(&link).code(), "store_in_use", "by another name too");
    }
    run(&store, &key("t"), 1, "x").await;
    drop(store);
    place.open();
}

#[test]
fn what_is_not_ours_is_left_as_it_is() {
    let place = Place::new();
    for content in
        ["these are notes, not a database, and there are enough of them to fill a header of SQLite: 100 bytes", "x"]
    {
        std::fs::write(place.path(), content).unwrap();
        assert_eq!(refused(&place.path()).code(), "store_foreign");
        assert_eq!(std::fs::read_to_string(place.path()).unwrap(), content);
        std::fs::remove_file(place.path()).unwrap();
    }
    let foreign = place.sql();
    foreign.execute_batch("CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')").unwrap();
    drop(foreign);
    let before = std::fs::read(place.path()).unwrap();
    assert_eq!(refused(&place.path()).code(), "store_foreign");
    assert_eq!(std::fs::read(place.path()).unwrap(), before);
    let path = place.folder.path().join("folder");
    std::fs::create_dir(&path).unwrap();
    assert_eq!(refused(&path).code(), "store_unusable");
    assert_eq!(refused(&place.path().join("below.db")).code(), "store_unusable");
}

#[tokio::test]
async fn a_newer_file_is_left_as_it_is() {
    let place = Place::new();
    run(&place.open(), &key("t"), 1, "x").await;
    place.sql().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(place.path()).unwrap();
    let error = refused(&place.path());
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
    assert_eq!(std::fs::read(place.path()).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_file_is_told() {
    let place = Place::new();
    let store = place.open();
    for index in 0..15 {
        run(&store, &key(&index.to_string()), 200, "some words").await;
    }
    drop(store);
    let mut bytes = std::fs::read(place.path()).unwrap();
    let middle = bytes.len() / 2;
    for page in bytes[4096..middle].chunks_mut(4096) {
        page[..16].fill(0xa5);
    }
    std::fs::write(place.path(), &bytes).unwrap();
    let error = refused(&place.path());
    assert_eq!(error.code(), "store_damaged", "{error}");
    assert!(error.to_string().contains("backup"), "{error}");
    assert_eq!(std::fs::read(place.path()).unwrap(), bytes, "nothing is overwritten");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_threads() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let path = place.folder.path().join("a/b/threads.db");
    let store = SqliteStore::open(SqliteOptions::new(&path)).unwrap();
    run(&store, &key("t"), 1, "x").await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in ["a", "a/b"] {
        assert_eq!(mode(&place.folder.path().join(folder)), 0o700);
    }
    let files: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

/// Files as older versions left them. Each is opened, and what was in it is there.
#[tokio::test]
async fn older_files_are_brought_up_to_date() {
    let thread = key("old");
    for (version, sql) in [(1, include_str!("versions/1.sql"))] {
        let place = Place::new();
        place.sql().execute_batch(sql).unwrap();
        let found: i64 = place.sql().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(found, version);
        let store = place.open();
        let left = log(&store, whole(&thread)).await;
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(left[1].1.contains("from before"), "{left:?}");
        assert!(store.get(&thread).await.unwrap().is_some_and(|record| record.name.as_deref() == Some("Old")));
        assert_eq!(run(&store, &thread, 1, "x").await.first_seq, 3);
    }
    let newest: i64 = {
        let place = Place::new();
        drop(place.open());
        place.sql().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    assert_eq!(newest, 2, "a new version needs a file of the one before among these");
}
