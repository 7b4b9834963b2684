//! The file's schema: its versions, the steps between them, and what is looked at when a file is opened.

use super::OpenError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::time::{Duration, Instant};

/// "CKRT": says whose file it is.
const APPLICATION: i64 = 0x434B_5254;

/// The steps from one version to the next; a file's `user_version` is how many it has seen. A step is never changed once
/// it was released: what changes is a new step.
pub(super) const MIGRATIONS: &[&str] = &[
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('instance', 0);

    CREATE TABLE threads (
        thread INTEGER PRIMARY KEY,
        principal TEXT NOT NULL,
        id TEXT NOT NULL,
        name TEXT,
        agent_id TEXT NOT NULL,
        archived INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        next_seq INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        UNIQUE (principal, id)
    );
    CREATE INDEX threads_by_use ON threads (principal, archived, updated_at, id);
    CREATE INDEX threads_by_agent ON threads (principal, agent_id, archived, updated_at, id);
    CREATE INDEX threads_by_age ON threads (updated_at);

    CREATE TABLE runs (
        run INTEGER PRIMARY KEY AUTOINCREMENT,
        thread INTEGER NOT NULL,
        run_id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        instance INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        began_at INTEGER NOT NULL,
        ended_at INTEGER,
        first_seq INTEGER NOT NULL,
        end_seq INTEGER,
        raw INTEGER NOT NULL DEFAULT 1,
        compact INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX runs_of_thread ON runs (thread, first_seq);
    CREATE UNIQUE INDEX runs_live ON runs (thread) WHERE end_seq IS NULL;
    CREATE INDEX runs_raw ON runs (ended_at) WHERE raw = 1 AND ended_at IS NOT NULL;

    CREATE TABLE chunks (
        chunk INTEGER PRIMARY KEY,
        run INTEGER NOT NULL,
        compact INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        data BLOB NOT NULL
    );
    CREATE INDEX chunks_of_run ON chunks (run, compact, last_seq);

    CREATE TABLE messages (thread INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY (thread, id)) WITHOUT ROWID;

    CREATE TABLE blobs (
        thread INTEGER NOT NULL,
        name TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (thread, name)
    );",
    // What is large is stored once for each thread, however often its runs repeat it.
    "CREATE TABLE attachments (
        attachment INTEGER PRIMARY KEY,
        thread INTEGER NOT NULL,
        digest BLOB NOT NULL,
        data BLOB NOT NULL
    );
    CREATE UNIQUE INDEX attachments_of_thread ON attachments (thread, digest);

    CREATE TABLE attachment_uses (
        run INTEGER NOT NULL,
        compact INTEGER NOT NULL,
        attachment INTEGER NOT NULL,
        PRIMARY KEY (run, compact, attachment)
    ) WITHOUT ROWID;
    CREATE INDEX uses_of_attachment ON attachment_uses (attachment);",
];

/// How long a file is looked over when it is opened. A larger one than can be read in that time is looked over in part.
const CHECK: Duration = Duration::from_secs(2);

/// How long another program that has the file open, like a shell of SQLite, is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// Opens the file for writing, brings it to the latest version and looks it over. What is not ours is not touched.
pub(super) fn open(path: &Path, max_bytes: Option<u64>) -> Result<Connection, OpenError> {
    let mut connection = prepare(path, max_bytes).map_err(|error| sort(path, error))?;
    let version = ours(path, &connection)?;
    check(&mut connection).map_err(|error| sort(path, error))?.map_or(Ok(()), |what| {
        let path = path.to_owned();
        Err(OpenError::Damaged { path, what })
    })?;
    migrate(&mut connection, version).map_err(|error| sort(path, error))?;
    Ok(connection)
}

/// Opens a store for reading that another process may have open.
pub(super) fn open_ours(path: &Path) -> Result<Connection, OpenError> {
    let connection = open_reader(path).map_err(|error| sort(path, error))?;
    match ours(path, &connection)? {
        0 => Err(OpenError::Foreign { path: path.to_owned() }),
        _ => Ok(connection),
    }
}

/// The version of a file that is ours and that we know; 0 for an empty one.
fn ours(path: &Path, connection: &Connection) -> Result<i64, OpenError> {
    let known = MIGRATIONS.len() as i64;
    match version(connection).map_err(|error| sort(path, error))? {
        None => Err(OpenError::Foreign { path: path.to_owned() }),
        Some(found) if found > known => Err(OpenError::Newer { path: path.to_owned(), found, known }),
        Some(version) => Ok(version),
    }
}

fn prepare(path: &Path, max_bytes: Option<u64>) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // Statements of the writer and of readers are few: all of them stay prepared.
    connection.set_prepared_statement_cache_capacity(64);
    if let Some(bytes) = max_bytes {
        let size: u64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        connection.pragma_update_and_check(None, "max_page_count", bytes / size.max(1), |_| Ok(()))?;
    }
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = prepare(path, None)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// The version of the schema; 0 for an empty file, `None` for one of something else.
fn version(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (application, version) {
        (APPLICATION, version) if version >= 1 => Some(version),
        (0, 0) if tables == 0 => Some(0),
        _ => None,
    })
}

/// What is wrong with the file, as far as time allows to look.
fn check(connection: &mut Connection) -> rusqlite::Result<Option<String>> {
    let until = Instant::now() + CHECK;
    connection.progress_handler(10_000, Some(move || Instant::now() > until))?;
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match found {
        Ok(found) if found == "ok" => Ok(None),
        Ok(found) => Ok(Some(found)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            tracing::info!(seconds = CHECK.as_secs(), "the thread store is large: a part of it was looked over");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn migrate(connection: &mut Connection, version: i64) -> rusqlite::Result<()> {
    if version == 0 {
        // Only before the first table: lets the file shrink when threads go.
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 2000;
        PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY;",
    )?;
    let transaction = connection.transaction()?;
    for (step, number) in MIGRATIONS.iter().zip(1i64..).filter(|(_, number)| *number > version) {
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.commit()
}

fn sort(path: &Path, cause: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match cause.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign { path },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, what: cause.to_string() },
        _ => OpenError::Database { path, cause },
    }
}
