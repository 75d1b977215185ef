"""The database's tables, as the steps that lead from an empty file to today's version."""

import sqlite3

from emo_hallo_ray.errors import ServiceUnavailable

TASKS = """
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
) STRICT
"""

EVENTS = """
CREATE TABLE events (
    task_id  TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    at       REAL NOT NULL,
    status   TEXT NOT NULL,
    progress INTEGER NOT NULL,
    message  TEXT NOT NULL,
    PRIMARY KEY (task_id, seq)
) STRICT, WITHOUT ROWID
"""

LOGS = """
CREATE TABLE logs (
    task_id TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    at      REAL NOT NULL,
    level   TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (task_id, seq)
) STRICT, WITHOUT ROWID
"""

DEFAULTS = """
CREATE TABLE defaults (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""

TURNS = """
CREATE TABLE turns (
    owner TEXT PRIMARY KEY,  -- '' for tasks of nobody
    turn  INTEGER NOT NULL   -- grows with every claim: the lowest has waited for the longest
) STRICT, WITHOUT ROWID
"""

DELIVERIES = """
CREATE TABLE deliveries (
    delivery_id TEXT PRIMARY KEY,
    task_id     TEXT NOT NULL,
    event       TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    due_at      REAL NOT NULL
) STRICT, WITHOUT ROWID
"""

# Databases of every earlier version are in use: append a step, never change one.
MIGRATIONS = (
    (
        TASKS,
        "CREATE INDEX tasks_by_status ON tasks (status, sequence)",
        "CREATE INDEX tasks_by_owner ON tasks (owner, sequence)",
        """
        CREATE UNIQUE INDEX tasks_by_idempotency_key ON tasks (ifnull(owner, ''), idempotency_key)
            WHERE idempotency_key IS NOT NULL
        """,
        EVENTS,
        LOGS,
        DEFAULTS,
    ),
    (
        "CREATE INDEX tasks_by_owner_and_status ON tasks (owner, status, sequence)",
        "CREATE INDEX tasks_by_end ON tasks (finished_at) WHERE finished_at IS NOT NULL",
    ),
    (
        # attempts that ended badly since the task last got further than ever, which is `furthest` segments
        "ALTER TABLE tasks ADD COLUMN strikes INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE tasks ADD COLUMN furthest INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE tasks ADD COLUMN data_deleted_at REAL",
        "UPDATE tasks SET furthest = json_array_length(segments)",
        TURNS,
    ),
    (
        "ALTER TABLE tasks ADD COLUMN webhook TEXT",
        "ALTER TABLE tasks ADD COLUMN request_id TEXT",
        DELIVERIES,
        "CREATE INDEX deliveries_by_due ON deliveries (due_at)",
        "CREATE INDEX deliveries_by_task ON deliveries (task_id)",
    ),
    ("ALTER TABLE tasks ADD COLUMN clips_per_segment INTEGER",),
)

VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to `VERSION`, inside the caller's transaction: two programs may open it at the same time.

    Raises:
        ServiceUnavailable: the file was written by a newer version of this program.
    """
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        raise ServiceUnavailable(
            f"The task database has schema version {found}, this program knows up to {VERSION}", "upgrade the program"
        )
    for statement in (statement for step in MIGRATIONS[found:] for statement in step):
        connection.execute(statement)
    if found < VERSION:
        connection.execute(f"PRAGMA user_version = {VERSION}")
