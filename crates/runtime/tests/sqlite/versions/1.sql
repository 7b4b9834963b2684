-- A file of version 1, with one thread of one run.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
BEGIN;
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
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
);
INSERT INTO threads VALUES (1, 'alice', 'old', 'Old', 'agent', 0, 1000, 2000, 3, 184);
INSERT INTO runs VALUES (1, 1, 'r1', 'agent', 1, 32000, 1000, 2000, 0, 3, 1, 0);
INSERT INTO chunks VALUES (1, 1, 0, 2, x'010000347b2274797065223a2252554e5f53544152544544222c227468726561644964223a226f6c64222c2272756e4964223a227231227d0100457b2274797065223a22544558545f4d4553534147455f434f4e54454e54222c226d6573736167654964223a226d222c2264656c7461223a2266726f6d206265666f7265227d0100357b2274797065223a2252554e5f46494e4953484544222c227468726561644964223a226f6c64222c2272756e4964223a227231227d');
INSERT INTO messages VALUES (1, 'm');
UPDATE meta SET value = 1 WHERE name = 'instance';
PRAGMA user_version = 1;
PRAGMA application_id = 1129009748;
COMMIT;
