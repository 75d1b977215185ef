"""The database's tables, and opening it."""

import sqlite3
from pathlib import Path

from emo_hallo_ray.errors import ServiceUnavailable

VERSION = 1

TABLES = """
CREATE TABLE tasks (
    sequence         INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of acceptance, immune to clocks
    task_id          TEXT NOT NULL UNIQUE,
    status           TEXT NOT NULL,
    progress         INTEGER NOT NULL DEFAULT 0,
    status_message   TEXT NOT NULL,
    params           TEXT NOT NULL,
    engine_reason    TEXT NOT NULL,
    owner            TEXT,
    idempotency_key  TEXT,
    request_digest   TEXT,
    created_at       REAL NOT NULL,
    updated_at       REAL NOT NULL,
    started_at       REAL,
    finished_at      REAL,
    attempts         INTEGER NOT NULL DEFAULT 0,
    fence            INTEGER NOT NULL DEFAULT 0,
    lease_until      REAL,
    segments         TEXT NOT NULL DEFAULT '[]',
    stage_seconds    TEXT NOT NULL DEFAULT '{}',
    frames_done      INTEGER NOT NULL DEFAULT 0,
    frames_total     INTEGER,
    result           TEXT,
    error            TEXT,
    error_code       TEXT
) STRICT;
CREATE INDEX tasks_by_status ON tasks (status, sequence);
CREATE INDEX tasks_by_owner ON tasks (owner, sequence);
CREATE UNIQUE INDEX tasks_by_idempotency_key ON tasks (ifnull(owner, ''), idempotency_key)
    WHERE idempotency_key IS NOT NULL;

CREATE TABLE events (
    task_id  TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    at       REAL NOT NULL,
    status   TEXT NOT NULL,
    progress INTEGER NOT NULL,
    message  TEXT NOT NULL,
    PRIMARY KEY (task_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE logs (
    task_id TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    at      REAL NOT NULL,
    level   TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (task_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE defaults (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


def open_database(path: Path) -> sqlite3.Connection:
    """Open or create the database.

    WAL lets readers and the writer work side by side. `synchronous=FULL` makes every commit wait for the disk: what was
    answered "accepted" is there after a power cut.

    Raises:
        ServiceUnavailable: the file was written by a newer version of this program.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA busy_timeout = 5000")  # an actor that is being replaced may not be gone yet
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        connection.close()
        raise ServiceUnavailable(
            f"The task database has schema version {found}, this program knows up to {VERSION}", "upgrade the program"
        )
    if found == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
    return connection
