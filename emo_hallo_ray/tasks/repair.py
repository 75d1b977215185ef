"""Makes a damaged task database whole again: row by row what can be read, and from the tasks' folders what cannot."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from emo_hallo_ray.errors import ServiceUnavailable
from emo_hallo_ray.storage import Storage
from emo_hallo_ray.tasks.database import Database
from emo_hallo_ray.tasks.journal import Journal
from emo_hallo_ray.tasks.lifecycle import Lifecycle, StoreLimits
from emo_hallo_ray.tasks.manifest import load_manifest
from emo_hallo_ray.tasks.model import TaskStatus
from emo_hallo_ray.tasks.rows import task_from_row

# A lost row may have given out any number of fences; files of its attempts carry them in their names.
FENCE_AFTER_LOSS = 1_000_000
MISSES_BEFORE_THE_END = 10_000  # deleted records leave gaps in the numbering
SIDE_TABLES = ("defaults", "turns")


@dataclass
class Repaired:
    """What a repair did.

    Attributes:
        kept: rows that could be read.
        restored: ids of tasks made again from their folders; they run anew, with the same frames.
        damaged: where the old file lies now.
    """

    kept: int = 0
    restored: list[str] = field(default_factory=list)
    damaged: Path = Path()


def is_sound(path: Path) -> bool:
    """Whether SQLite finds every page of the database in order."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.DatabaseError:
        return False


def repair(storage: Storage) -> Repaired:
    """Replace the database by one with every task of which there is a row or a folder. The service must not run.

    Raises:
        ServiceUnavailable: the new file cannot be written; the old one is then as it was.
    """
    path = storage.database.expanduser()
    fresh = path.with_name(f".{path.name}.repaired")
    _unlink(fresh)
    repaired = Repaired()
    database = Database(fresh)
    try:
        with database.transaction():
            repaired.kept = _copy_rows(path, database)
            repaired.restored = _restore_lost(storage, database)
    finally:
        database.close()
    if not is_sound(fresh):
        raise ServiceUnavailable("The repaired database is damaged too", "the disk itself fails: copy the storage away")
    repaired.damaged = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    for suffix in ("-wal", "-shm"):  # they belong to the old file
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(repaired.damaged.with_name(repaired.damaged.name + suffix))
    if path.exists():
        os.link(path, repaired.damaged)
    fresh.replace(path)
    return repaired


def _copy_rows(damaged: Path, database: Database) -> int:
    n_kept = 0
    with closing(sqlite3.connect(damaged)) as old:
        old.row_factory = sqlite3.Row
        for row in _readable_tasks(old):
            _insert(database, "tasks", row)
            n_kept += 1
            for table in ("events", "logs", "deliveries"):
                for entry in _readable(old, f"SELECT * FROM {table} WHERE task_id = ?", row["task_id"]):
                    _insert(database, table, entry)
        for table in SIDE_TABLES:
            for entry in _readable(old, f"SELECT * FROM {table}"):
                _insert(database, table, entry)
    return n_kept


def _readable_tasks(old: sqlite3.Connection) -> Iterator[sqlite3.Row]:
    """Each task by its number: a damaged page hides its own rows only."""
    try:
        [(last,)] = old.execute("SELECT seq FROM sqlite_sequence WHERE name = 'tasks'")
    except (sqlite3.DatabaseError, ValueError):
        last = MISSES_BEFORE_THE_END
    for sequence in range(1, last + 1):
        for row in _readable(old, "SELECT * FROM tasks WHERE sequence = ?", sequence):
            try:
                task_from_row(row)
            except (ValueError, TypeError, KeyError):  # SQLite has no checksums: it may read nonsense
                continue
            yield row


def _readable(old: sqlite3.Connection, sql: str, *parameters: object) -> Iterator[sqlite3.Row]:
    try:
        yield from old.execute(sql, parameters)
    except sqlite3.DatabaseError:
        return


def _insert(database: Database, table: str, row: sqlite3.Row) -> None:
    places = ", ".join("?" * len(row.keys()))
    database.write(f"INSERT OR IGNORE INTO {table} ({', '.join(row.keys())}) VALUES ({places})", tuple(row))


def _restore_lost(storage: Storage, database: Database) -> list[str]:
    """Queue the tasks whose folders are there and whose rows are not."""
    lifecycle = Lifecycle(database, Journal(database), StoreLimits(), time.time, time.monotonic)
    restored = []
    lost = [id_ for id_ in storage.task_ids() if not database.row("SELECT 1 FROM tasks WHERE task_id = ?", (id_,))]
    for task_id in sorted(lost, key=lambda id_: storage.task(id_).last_change()):
        files = storage.task(task_id)
        if not files.has(files.manifest):
            continue
        n_waiting = database.value("SELECT count(*) FROM tasks WHERE status = ?", (TaskStatus.QUEUED,))
        lifecycle.accept(load_manifest(files.fetch(files.manifest)), position=n_waiting + 1)
        row = lifecycle.find(task_id)
        lifecycle.update(row, fence=FENCE_AFTER_LOSS)
        lifecycle.tell(row, "its record was lost with a damaged database; it runs anew from its uploads", "WARNING")
        restored.append(task_id)
    return restored


def _unlink(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
