"""Tasks in SQLite: the one place where their state changes.

Plain Python with an injected clock. Every public method is one transaction. A method that writes for an attempt takes
its fence; a write with an old fence is refused, so two attempts can never both win. One thread owns a store.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from emo_hallo_ray.errors import (
    IdempotencyConflict,
    InvalidParameter,
    LeaseLost,
    QueueFull,
    TaskCancelled,
    TaskNotCancellable,
    TaskNotFound,
)
from emo_hallo_ray.tasks.journal import Journal
from emo_hallo_ray.tasks.model import (
    LEGAL_TRANSITIONS,
    EngineDefaults,
    Event,
    LogRecord,
    NewTask,
    Page,
    Task,
    TaskStatus,
)
from emo_hallo_ray.tasks.rows import task_from_row, to_columns
from emo_hallo_ray.tasks.schema import open_database

RETRY_AFTER_S = 30


@dataclass(frozen=True)
class StoreLimits:
    """How much may wait and run, and how long an attempt may be silent."""

    max_queued: int = 100
    max_concurrent: int = 1
    max_attempts: int = 3
    lease_s: float = 15.0


class TaskStore:
    """The tasks of one service."""

    def __init__(self, database: Path, limits: StoreLimits, clock: Callable[[], float] = time.time) -> None:
        self._connection = open_database(database)
        self._journal = Journal(self._connection)
        self._limits = limits
        self._clock = clock

    def close(self) -> None:
        """Release the database file."""
        self._connection.close()

    # creating and reading

    def create(self, new: NewTask) -> Task:
        """Accept a task; it is on disk when this returns.

        The same idempotency key with the same request gives the earlier task, and so does the same task id.

        Raises:
            IdempotencyConflict: the key was used with another request.
            QueueFull: as many tasks wait as may.
        """
        with self._transaction(durable=True):
            if earlier := self._repeated(new):
                return earlier
            self._refuse_if_full()
            now = self._clock()
            columns = {
                **asdict(new),
                "status": TaskStatus.QUEUED.value,
                "status_message": "Waiting in the queue",
                "created_at": now,
                "updated_at": now,
            }
            names = ", ".join(columns)
            places = ", ".join(f":{name}" for name in columns)
            self._connection.execute(f"INSERT INTO tasks ({names}) VALUES ({places})", to_columns(columns))
            task = self._read(self._row(new.task_id))
            self._journal.add_event(task.task_id, now, task.status, 0, task.status_message)
            engine = f"engine {new.params.engine} ({new.engine_reason})"
            line = f"accepted, position {task.queue_position} in the queue; {engine}"
            self._journal.add_line(task.task_id, now, "INFO", line)
            return task

    def get(self, task_id: str) -> Task:
        """Read one task.

        Raises:
            TaskNotFound: there is none with this id.
        """
        return self._read(self._row(task_id))

    def get_many(self, task_ids: Iterable[str]) -> dict[str, Task]:
        """Read several tasks at once; ids without a task are left out."""
        ids = list(task_ids)
        places = ", ".join("?" * len(ids))
        rows = self._connection.execute(f"SELECT * FROM tasks WHERE task_id IN ({places})", ids)
        return {row["task_id"]: self._read(row) for row in rows}

    def list_tasks(
        self,
        status: TaskStatus | None = None,
        owner: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page:
        """A page of tasks, newest first; stable while others arrive.

        Args:
            cursor: the `next_cursor` of the page before.

        Raises:
            InvalidParameter: the cursor is not one of ours.
        """
        conditions = {"status = ?": status, "owner = ?": owner, "sequence < ?": _parse_cursor(cursor)}
        given = {condition: value for condition, value in conditions.items() if value is not None}
        where = f"WHERE {' AND '.join(given)}" if given else ""
        rows = self._connection.execute(
            f"SELECT * FROM tasks {where} ORDER BY sequence DESC LIMIT ?",
            (*given.values(), -1 if limit is None else limit + 1),
        ).fetchall()
        page = rows if limit is None else rows[:limit]
        has_more = len(rows) > len(page)
        return Page(tuple(self._read(row) for row in page), str(page[-1]["sequence"]) if has_more else None)

    def counts(self) -> dict[TaskStatus, int]:
        """How many tasks are in each status."""
        counted = dict(self._connection.execute("SELECT status, count(*) FROM tasks GROUP BY status").fetchall())
        return {status: counted.get(status.value, 0) for status in TaskStatus}

    def queue(self) -> tuple[int, float | None]:
        """Length of the queue, and when its oldest task was accepted."""
        length, oldest = self._connection.execute(
            "SELECT count(*), min(created_at) FROM tasks WHERE status = ?", (TaskStatus.QUEUED,)
        ).fetchone()
        return length, oldest

    # running

    def claim_next(self) -> Task | None:
        """Start an attempt at the oldest queued task, if one more may run; the attempt's fence is in the task."""
        with self._transaction():
            self._expire_leases()
            if self._count(TaskStatus.PROCESSING) >= self._limits.max_concurrent:
                return None
            row = self._connection.execute(
                "SELECT * FROM tasks WHERE status = ? ORDER BY sequence LIMIT 1", (TaskStatus.QUEUED,)
            ).fetchone()
            if row is None:
                return None
            attempt, now = row["attempts"] + 1, self._clock()
            return self._transition(
                row,
                TaskStatus.PROCESSING,
                "Starting",
                f"attempt {attempt} of at most {self._limits.max_attempts} started",
                attempts=attempt,
                fence=row["fence"] + 1,
                started_at=row["started_at"] or now,
                lease_until=now + self._limits.lease_s,
            )

    def heartbeat(self, task_id: str, fence: int) -> None:
        """Keep the lease. One that ran out is revived as long as nobody has taken the task.

        Raises:
            TaskCancelled, LeaseLost: the attempt must stop.
        """
        with self._transaction():
            self._update(self._held(task_id, fence), lease_until=self._clock() + self._limits.lease_s)

    def report(
        self, task_id: str, fence: int, progress: int, message: str, frames_done: int, frames_total: int | None
    ) -> None:
        """Write progress (it never goes down) and keep the lease; an event arises if something visible changed.

        Raises:
            TaskCancelled, LeaseLost: the attempt must stop.
        """
        with self._transaction():
            row = self._held(task_id, fence)
            progress = max(row["progress"], min(progress, 99))  # 100 is for `complete`
            self._update(
                row,
                progress=progress,
                status_message=message,
                frames_done=frames_done,
                frames_total=frames_total,
                lease_until=self._clock() + self._limits.lease_s,
            )
            if (progress, message) != (row["progress"], row["status_message"]):
                self._journal.add_event(task_id, self._clock(), TaskStatus.PROCESSING, progress, message)

    def commit_segment(self, task_id: str, fence: int, index: int, name: str, frames_done: int) -> None:
        """Count a finished segment; doing so twice is the same as once.

        Raises:
            TaskCancelled, LeaseLost: the attempt must stop.
            ValueError: a segment before this one is missing.
        """
        with self._transaction():
            row = self._held(task_id, fence)
            segments = list(task_from_row(row).segments)
            if segments[index:] == [name]:
                return
            if index != len(segments):
                raise ValueError(f"segment {index} committed, but segment {len(segments)} is next")
            self._update(row, segments=[*segments, name], lease_until=self._clock() + self._limits.lease_s)
            self._journal.add_line(
                task_id, self._clock(), "INFO", f"segment {index + 1} finished, {frames_done} frames"
            )

    def restart_segments(self, task_id: str, fence: int, n_kept: int) -> None:
        """Forget the segments after the first `n_kept`, whose files are gone.

        Raises:
            TaskCancelled, LeaseLost: the attempt must stop.
        """
        with self._transaction():
            row = self._held(task_id, fence)
            self._update(row, segments=list(task_from_row(row).segments)[:n_kept])

    def add_stage_seconds(self, task_id: str, fence: int, stage: str, seconds: float) -> None:
        """Add to the time that a stage was busy with this task.

        Raises:
            TaskCancelled, LeaseLost: the attempt must stop.
        """
        with self._transaction():
            row = self._held(task_id, fence)
            spent = task_from_row(row).stage_seconds
            self._update(row, stage_seconds={**spent, stage: spent.get(stage, 0.0) + seconds})

    # ending

    def complete(self, task_id: str, fence: int, result: dict[str, Any]) -> None:
        """End the task well; doing so twice with one fence is the same as once.

        Raises:
            TaskCancelled, LeaseLost: the result came too late and does not count.
        """
        with self._transaction(durable=True):
            row = self._row(task_id)
            if row["status"] == TaskStatus.COMPLETED and row["fence"] == fence:
                return
            row = self._held(task_id, fence)
            self._transition(row, TaskStatus.COMPLETED, "Task completed", "completed", progress=100, result=result)

    def fail(self, task_id: str, fence: int, error_code: str, error: str, retryable: bool) -> None:
        """End the attempt badly: another one follows if that may help and attempts are left, else the task failed.

        Raises:
            TaskCancelled, LeaseLost: the attempt's end does not matter any more.
        """
        with self._transaction(durable=True):
            row = self._held(task_id, fence)
            if retryable and row["attempts"] < self._limits.max_attempts:
                line = f"attempt {row['attempts']} failed: {error}; trying again"
                self._transition(row, TaskStatus.QUEUED, "Waiting for another attempt", line, "WARNING")
            else:
                self._give_up(row, error_code, error)

    def release(self, task_id: str, fence: int) -> None:
        """Give a task back unharmed, as on shutdown; this does not count as an attempt.

        Raises:
            TaskCancelled, LeaseLost: there is nothing to give back.
        """
        with self._transaction():
            row = self._held(task_id, fence)
            line = "given back to the queue by a runner that stopped"
            self._transition(row, TaskStatus.QUEUED, "Waiting in the queue", line, attempts=row["attempts"] - 1)

    def expire_leases(self) -> list[str]:
        """Put tasks of silent runners back into the queue, or fail those that used up their attempts; their ids."""
        with self._transaction():
            return self._expire_leases()

    def cancel(self, task_id: str, force: bool = False) -> Task:
        """Cancel a queued task, with `force` a running one too.

        Raises:
            TaskNotFound: there is none with this id.
            TaskNotCancellable: it runs, or it is over.
        """
        with self._transaction(durable=True):
            row = self._row(task_id)
            status = TaskStatus(row["status"])
            if status.is_terminal or (status is TaskStatus.PROCESSING and not force):
                hint = "force=true stops a running task" if status is TaskStatus.PROCESSING else f"it is {status}"
                raise TaskNotCancellable(hint=hint)
            return self._transition(row, TaskStatus.CANCELLED, "Task cancelled", "cancelled", fence=row["fence"] + 1)

    def delete(self, task_id: str) -> None:
        """Forget a task that is over.

        Raises:
            TaskNotFound: there is none with this id.
            ValueError: it is not over.
        """
        with self._transaction(durable=True):
            row = self._row(task_id)
            if not TaskStatus(row["status"]).is_terminal:
                raise ValueError(f"task {task_id} is {row['status']}, only ended tasks can be deleted")
            self._connection.execute("DELETE FROM tasks WHERE task_id = ?", (task_id,))
            self._journal.forget(task_id)

    # what is told about a task, and the defaults

    def log(self, task_id: str, level: str, message: str) -> None:
        """Add a line to a task's log."""
        with self._transaction():
            self._journal.add_line(task_id, self._clock(), level, message)

    def logs(self, task_id: str, tail: int | None = None) -> list[LogRecord]:
        """A task's log, oldest first, or its last `tail` lines."""
        return self._journal.lines(task_id, tail)

    def events_since(self, task_id: str, seq: int, limit: int = 100) -> list[Event]:
        """The oldest events after `seq`."""
        return self._journal.events_since(task_id, seq, limit)

    def defaults(self) -> EngineDefaults:
        """The values that new tasks get where their request says nothing."""
        stored = self._connection.execute("SELECT name, value FROM defaults").fetchall()
        return replace(EngineDefaults(), **{name: json.loads(value) for name, value in stored})

    def set_defaults(self, changes: Mapping[str, Any]) -> EngineDefaults:
        """Change some defaults, by the names of `EngineDefaults`; they stay changed."""
        with self._transaction(durable=True):
            changed = replace(self.defaults(), **changes)  # refuses unknown names
            rows = [(name, json.dumps(value)) for name, value in changes.items()]
            self._connection.executemany("INSERT OR REPLACE INTO defaults VALUES (?, ?)", rows)
            return changed

    # inside a transaction

    @contextmanager
    def _transaction(self, durable: bool = False) -> Iterator[None]:
        """All or nothing.

        A durable one is on disk when it ends, and with it everything before it. The others may lose their last moments
        in a power cut, never their order: progress that is lost is made again.
        """
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _row(self, task_id: str) -> sqlite3.Row:
        row: sqlite3.Row | None = self._connection.execute(
            "SELECT * FROM tasks WHERE task_id = ?", (task_id,)
        ).fetchone()
        if row is None:
            raise TaskNotFound(f"There is no task {task_id}")
        return row

    def _read(self, row: sqlite3.Row) -> Task:
        if row["status"] != TaskStatus.QUEUED:
            return task_from_row(row)
        ahead = self._connection.execute(
            "SELECT count(*) FROM tasks WHERE status = ? AND sequence < ?", (TaskStatus.QUEUED, row["sequence"])
        ).fetchone()[0]
        return task_from_row(row, queue_position=ahead + 1)

    def _held(self, task_id: str, fence: int) -> sqlite3.Row:
        """The row of a task that the attempt with this fence still holds."""
        row = self._row(task_id)
        if row["status"] == TaskStatus.CANCELLED:
            raise TaskCancelled(f"task {task_id} was cancelled")
        if row["status"] != TaskStatus.PROCESSING or row["fence"] != fence:
            raise LeaseLost(f"attempt {fence} no longer holds task {task_id}, which is {row['status']}")
        return row

    def _update(self, row: sqlite3.Row, **values: Any) -> None:
        values["updated_at"] = max(self._clock(), row["updated_at"])  # even if the clock was set back
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        self._connection.execute(
            f"UPDATE tasks SET {assignments} WHERE task_id = :task_id",
            {**to_columns(values), "task_id": row["task_id"]},
        )

    def _transition(
        self, row: sqlite3.Row, status: TaskStatus, message: str, line: str, level: str = "INFO", **values: Any
    ) -> Task:
        """The only way from one status to another; tells it in events and log."""
        current = TaskStatus(row["status"])
        if status not in LEGAL_TRANSITIONS[current]:
            raise ValueError(f"task {row['task_id']} cannot go from {current} to {status}")
        now = self._clock()
        values = {"lease_until": None, "status": status.value, "status_message": message, **values}
        if status.is_terminal:
            values["finished_at"] = now
        self._update(row, **values)
        task = self.get(row["task_id"])
        self._journal.add_event(task.task_id, now, status, task.progress, message)
        self._journal.add_line(task.task_id, now, level, line)
        return task

    def _expire_leases(self) -> list[str]:
        now = self._clock()
        # a lease further ahead than leases reach was given by a clock that has been set back since
        rows = self._connection.execute(
            "SELECT * FROM tasks WHERE status = ? AND NOT lease_until BETWEEN ? AND ?",
            (TaskStatus.PROCESSING, now, now + self._limits.lease_s),
        ).fetchall()
        for row in rows:
            if row["attempts"] < self._limits.max_attempts:
                line = f"the runner of attempt {row['attempts']} has been silent for {self._limits.lease_s:g} s"
                self._transition(row, TaskStatus.QUEUED, "Waiting for another attempt", line, "WARNING")
            else:
                self._give_up(row, "ATTEMPTS_EXHAUSTED", f"the task ended {row['attempts']} runners without a result")
        return [row["task_id"] for row in rows]

    def _give_up(self, row: sqlite3.Row, error_code: str, error: str) -> None:
        line = f"failed: {error}"
        self._transition(row, TaskStatus.FAILED, "Task failed", line, "ERROR", error=error, error_code=error_code)

    def _count(self, status: TaskStatus) -> int:
        counted: int = self._connection.execute("SELECT count(*) FROM tasks WHERE status = ?", (status,)).fetchone()[0]
        return counted

    def _refuse_if_full(self) -> None:
        length = self._count(TaskStatus.QUEUED)
        if length >= self._limits.max_queued:
            raise QueueFull(f"{length} tasks are waiting, no more are taken", "try again later", RETRY_AFTER_S)

    def _repeated(self, new: NewTask) -> Task | None:
        """The task that an earlier, equal request made."""
        row = self._connection.execute(
            "SELECT * FROM tasks WHERE task_id = ? OR (idempotency_key = ? AND owner IS ?)",
            (new.task_id, new.idempotency_key, new.owner),
        ).fetchone()
        if row is None:
            return None
        if row["request_digest"] != new.request_digest:
            raise IdempotencyConflict(
                "The idempotency key was used before with another request", "use a new key for a new request"
            )
        return self._read(row)


def _parse_cursor(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidParameter("The cursor is not valid", "use the next_cursor of the page before")
    return int(cursor)
