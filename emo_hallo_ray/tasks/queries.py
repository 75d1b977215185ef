"""Everything that can be asked about tasks; nothing here changes any."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace

from emo_hallo_ray.errors import InvalidParameter, TaskNotFound
from emo_hallo_ray.tasks.database import Database
from emo_hallo_ray.tasks.journal import Journal
from emo_hallo_ray.tasks.model import EngineDefaults, Event, LogRecord, Page, Task, TaskStatus
from emo_hallo_ray.tasks.queue_order import QueueOrder
from emo_hallo_ray.tasks.rows import task_from_row


class TaskQueries:
    """The reading half of `TaskStore`. Each answer is one moment's truth: readers never wait for writers."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal
        self._queue = QueueOrder(database)

    def get(self, task_id: str) -> Task:
        """Read one task.

        Raises:
            TaskNotFound: there is none with this id.
        """
        tasks = self._tasks(self._database.rows("SELECT * FROM tasks WHERE task_id = ?", (task_id,)))
        if not tasks:
            raise TaskNotFound(f"There is no task {task_id}")
        return tasks[0]

    def get_many(self, task_ids: Iterable[str]) -> dict[str, Task]:
        """Read several tasks at once; ids without a task are left out."""
        # as JSON, because SQLite limits the number of parameters
        ids = json.dumps(list(task_ids))
        rows = self._database.rows("SELECT * FROM tasks WHERE task_id IN (SELECT value FROM json_each(?))", (ids,))
        return {task.task_id: task for task in self._tasks(rows)}

    def list_tasks(
        self,
        status: TaskStatus | None = None,
        owner: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page:
        """A page of tasks, newest first; stable while others arrive.

        Args:
            limit: the most tasks to give; all of them if None.
            cursor: the `next_cursor` of the page before.

        Raises:
            InvalidParameter: the limit is not positive, or the cursor is not one of ours.
        """
        if limit is not None and limit < 1:
            raise InvalidParameter(f"The limit is {limit}, at least 1 is needed")
        conditions = {"status = ?": status, "owner = ?": owner, "sequence < ?": _parse_cursor(cursor)}
        given = {condition: value for condition, value in conditions.items() if value is not None}
        where = f"WHERE {' AND '.join(given)}" if given else ""
        rows = self._database.rows(
            f"SELECT * FROM tasks {where} ORDER BY sequence DESC LIMIT ?",
            (*given.values(), -1 if limit is None else limit + 1),  # one more tells whether there is a next page
        )
        page = rows[:limit]
        next_cursor = str(page[-1]["sequence"]) if len(rows) > len(page) else None
        return Page(tuple(self._tasks(page)), next_cursor)

    def counts(self) -> dict[TaskStatus, int]:
        """How many tasks are in each status."""
        counted = dict(map(tuple, self._database.rows("SELECT status, count(*) FROM tasks GROUP BY status")))
        return {status: counted.get(status.value, 0) for status in TaskStatus}

    def active(self) -> dict[tuple[TaskStatus, str], int]:
        """How many tasks wait and run, by the engine that they are for."""
        rows = self._database.rows(
            "SELECT status, json_extract(params, '$.engine'), count(*) FROM tasks WHERE status IN (?, ?) GROUP BY 1, 2",
            (TaskStatus.QUEUED, TaskStatus.PROCESSING),
        )
        return {(TaskStatus(status), engine): count for status, engine, count in rows}

    def queue(self) -> tuple[int, float | None]:
        """Length of the queue, and when its oldest task was accepted."""
        [(length, oldest)] = self._database.rows(
            "SELECT count(*), min(created_at) FROM tasks WHERE status = ?", (TaskStatus.QUEUED,)
        )
        return length, oldest

    def ended(self, before: float | None = None, with_data: bool = False) -> list[tuple[str, float]]:
        """Ids and ends of the tasks that are over, the oldest first.

        Args:
            before: only what ended before this time.
            with_data: only those whose data were not deleted.
        """
        condition = "AND data_deleted_at IS NULL" if with_data else ""
        rows = self._database.rows(
            f"SELECT task_id, finished_at FROM tasks WHERE finished_at < ? {condition} ORDER BY finished_at",
            (float("inf") if before is None else before,),
        )
        return [(row["task_id"], row["finished_at"]) for row in rows]

    def known(self, task_ids: Iterable[str]) -> dict[str, TaskStatus]:
        """Status of those of these tasks that there are and whose data were not deleted."""
        ids = json.dumps(list(task_ids))
        rows = self._database.rows(
            "SELECT task_id, status FROM tasks"
            " WHERE data_deleted_at IS NULL AND task_id IN (SELECT value FROM json_each(?))",
            (ids,),
        )
        return {row["task_id"]: TaskStatus(row["status"]) for row in rows}

    def logs(self, task_id: str, tail: int | None = None) -> list[LogRecord]:
        """A task's log, oldest first, or its last `tail` lines."""
        return self._journal.lines(task_id, tail)

    def events_since(self, task_id: str, seq: int, limit: int = 100) -> list[Event]:
        """The oldest events after `seq`."""
        return self._journal.events_since(task_id, seq, limit)

    def defaults(self) -> EngineDefaults:
        """The values that new tasks get where their request says nothing."""
        stored = self._database.rows("SELECT name, value FROM defaults")
        return replace(EngineDefaults(), **{row["name"]: json.loads(row["value"]) for row in stored})

    def _count(self, status: TaskStatus) -> int:
        counted: int = self._database.value("SELECT count(*) FROM tasks WHERE status = ?", (status,))
        return counted

    def _tasks(self, rows: Sequence[sqlite3.Row]) -> list[Task]:
        positions = self._queue.positions(row["sequence"] for row in rows if row["status"] == TaskStatus.QUEUED)
        return [task_from_row(row, positions.get(row["sequence"])) for row in rows]


def _parse_cursor(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):  # 64 bits hold 18 digits
        raise InvalidParameter("The cursor is not valid", "use the next_cursor of the page before")
    return int(cursor)
