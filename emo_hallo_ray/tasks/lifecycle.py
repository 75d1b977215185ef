"""How a task moves from status to status, and who may write for it. The rules behind `TaskStore`.

Everything here runs inside a transaction of the caller's.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from emo_hallo_ray.errors import LeaseLost, TaskCancelled, TaskNotEnded, TaskNotFound
from emo_hallo_ray.tasks.database import Database
from emo_hallo_ray.tasks.deliveries import Deliveries
from emo_hallo_ray.tasks.journal import Journal
from emo_hallo_ray.tasks.model import LEGAL_TRANSITIONS, NewTask, Task, TaskStatus
from emo_hallo_ray.tasks.observer import NobodyWatches, TaskObserver
from emo_hallo_ray.tasks.rows import task_from_row, to_columns

WAITING = "Waiting in the queue"


@dataclass(frozen=True)
class StoreLimits:
    """How much may wait and run, and how long an attempt may be silent."""

    max_queued: int = 100
    max_concurrent: int = 1
    max_attempts: int = 3  # that may end badly without the task getting any further
    lease_s: float = 15.0


class Lifecycle:
    """Changes rows of `tasks`, and tells each change of status in the journal and to the task's webhook."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        limits: StoreLimits,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        observer: TaskObserver | None = None,
    ) -> None:
        self._database = database
        self._journal = journal
        self._deliveries = Deliveries(database)
        self._observer = observer or NobodyWatches()
        self._limits = limits
        self._clock = clock
        self._monotonic = monotonic

    def accept(self, new: NewTask, position: int) -> None:
        """Put a new task into the queue, where it has this position."""
        now = self._clock()
        columns = {**asdict(new), "status": TaskStatus.QUEUED.value, "status_message": WAITING}
        columns |= {"created_at": now, "updated_at": now}
        names, places = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        self._database.write(f"INSERT INTO tasks ({names}) VALUES ({places})", to_columns(columns))
        row = self.find(new.task_id)
        self.announce(row, TaskStatus.QUEUED, row["progress"], WAITING)
        self._observe(self._observer.created, new.task_id)
        self.tell(row, f"queued at position {position}; engine {new.params.engine} ({new.engine_reason})")

    def find(self, task_id: str) -> sqlite3.Row:
        """The row of a task.

        Raises:
            TaskNotFound: there is none with this id.
        """
        row = self._database.row("SELECT * FROM tasks WHERE task_id = ?", (task_id,))
        if row is None:
            raise TaskNotFound(f"There is no task {task_id}")
        return row

    def find_ended(self, task_id: str) -> sqlite3.Row:
        """The row of a task that is over.

        Raises:
            TaskNotFound: there is none with this id.
            TaskNotEnded: it waits or runs.
        """
        row = self.find(task_id)
        if not TaskStatus(row["status"]).is_terminal:
            raise TaskNotEnded(f"The task is {row['status']}", "cancel it first, a running one with force=true")
        return row

    def held(self, task_id: str, fence: int) -> sqlite3.Row:
        """The row of a task that the attempt with this fence still holds.

        A lease that ran out does not matter here: until it is expired nobody else can have the task.

        Raises:
            TaskNotFound, TaskCancelled, LeaseLost: the attempt must stop.
        """
        row = self.find(task_id)
        if row["status"] == TaskStatus.CANCELLED:
            raise TaskCancelled(f"task {task_id} was cancelled")
        if row["status"] != TaskStatus.PROCESSING or row["fence"] != fence:
            raise LeaseLost(f"attempt {fence} no longer holds task {task_id}, which is {row['status']}")
        return row

    def update(self, row: sqlite3.Row, **values: Any) -> None:
        """Change columns of a task."""
        values["updated_at"] = self._moment(row)
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        parameters = to_columns(values) | {"sequence": row["sequence"]}
        self._database.write(f"UPDATE tasks SET {assignments} WHERE sequence = :sequence", parameters)

    def keep(self, row: sqlite3.Row, **values: Any) -> None:
        """Change columns of a task and extend its lease."""
        self.update(row, lease_until=self._lease_end(), **values)

    def transition(
        self, row: sqlite3.Row, status: TaskStatus, message: str, line: str, level: str = "INFO", **values: Any
    ) -> None:
        """The only way from one status to another.

        Args:
            message: what the task's `status_message` says from now on.
            line: what the log says; it tells a person why.
        """
        current = TaskStatus(row["status"])
        if status not in LEGAL_TRANSITIONS[current]:
            raise ValueError(f"task {row['task_id']} cannot go from {current} to {status}")
        values = {"lease_until": None, **values}
        if status.is_terminal:
            values["finished_at"] = self._moment(row)
        self.update(row, status=status.value, status_message=message, **values)
        progress = values.get("progress", row["progress"])
        self.announce(row, status, progress, message)
        self._deliveries.add(task_from_row(row).webhook, row["task_id"], status.value, self._clock())
        self.tell(row, line, level)
        if status.is_terminal:
            self._observe(self._observer.ended, row["task_id"])

    def announce(self, row: sqlite3.Row, status: TaskStatus, progress: int, message: str) -> None:
        """Tell programs that something visible changed."""
        self._journal.add_event(row["task_id"], self._moment(row), status, progress, message)

    def tell(self, row: sqlite3.Row, line: str, level: str = "INFO") -> None:
        """Tell people, in the task's log."""
        self._journal.add_line(row["task_id"], self._moment(row), level, line)

    def start_attempt(self, row: sqlite3.Row) -> None:
        """Give a queued task to a runner, under a new fence."""
        attempt, n_segments = row["attempts"] + 1, len(task_from_row(row).segments)
        line = f"attempt {attempt} started"
        values = {
            "attempts": attempt,
            "fence": row["fence"] + 1,
            "started_at": self._moment(row) if row["started_at"] is None else row["started_at"],
            "lease_until": self._lease_end(),
        }
        resuming = f", to resume after segment {n_segments}" if n_segments else ""
        self.transition(row, TaskStatus.PROCESSING, "Starting", line + resuming, **values)
        if row["started_at"] is None:
            self._observe(self._observer.started, row["task_id"])

    def expire_leases(self) -> list[str]:
        """Take tasks away from silent runners; their ids."""
        if self._database.was_away:
            self._renew_leases()
        rows = self._database.rows(
            "SELECT * FROM tasks WHERE status = ? AND lease_until < ? ORDER BY sequence",
            (TaskStatus.PROCESSING, self._monotonic()),
        )
        for row in rows:
            line = f"lease ran out: the runner of attempt {row['attempts']} was silent for {self._limits.lease_s:g} s"
            error = f"given up after attempt {row['attempts']}, whose runner fell silent without a result"
            self.retry_or_fail(row, line, "ATTEMPTS_EXHAUSTED", error)
        return [row["task_id"] for row in rows]

    def retry_or_fail(self, row: sqlite3.Row, line: str, error_code: str, error: str) -> None:
        """Queue the task again for another attempt, unless too many have ended badly where this one did."""
        strikes = row["strikes"] + 1
        if strikes < self._limits.max_attempts:
            line = f"{line}; back in the queue, {strikes} of {self._limits.max_attempts} without getting further"
            self.transition(row, TaskStatus.QUEUED, "Waiting for another attempt", line, "WARNING", strikes=strikes)
            self._observe(self._observer.attempt_failed, row["task_id"])
        else:
            self.fail(row, error_code, error, strikes=strikes)

    def give_back(self, row: sqlite3.Row, reason: str | None) -> None:
        """Queue the task again as if this attempt had not been.

        Args:
            reason: what has to change before an attempt can succeed; None if the runner just stops.
        """
        message, level = (WAITING, "INFO") if reason is None else (f"Waiting: {reason}", "WARNING")
        line = f"given back to the queue: {reason or 'its runner stopped'}"
        self.transition(row, TaskStatus.QUEUED, message, line, level, attempts=row["attempts"] - 1)

    def complete(self, row: sqlite3.Row, result: dict[str, Any]) -> None:
        """End the task well."""
        self.transition(row, TaskStatus.COMPLETED, "Task completed", "completed", progress=100, result=result)

    def fail(self, row: sqlite3.Row, error_code: str, error: str, **values: Any) -> None:
        """End the task badly."""
        values |= {"error": error, "error_code": error_code}
        self.transition(row, TaskStatus.FAILED, "Task failed", f"failed: {error}", "ERROR", **values)

    def cancel(self, row: sqlite3.Row) -> None:
        """End the task because somebody said so. The new fence is nobody's: what an attempt still writes is refused."""
        self.transition(row, TaskStatus.CANCELLED, "Task cancelled", "cancelled", fence=row["fence"] + 1)

    def _observe(self, tell: Callable[[Task], None], task_id: str) -> None:
        task = task_from_row(self.find(task_id))
        self._database.after_commit(lambda: tell(task))

    def _lease_end(self) -> float:
        # by a clock that nobody can set; all writers run on one machine, and after its restart leases are renewed
        return self._monotonic() + self._limits.lease_s

    def _renew_leases(self) -> None:
        """While the database was away no runner could be heard, so each gets one lease from now."""
        self._database.write(
            "UPDATE tasks SET lease_until = ? WHERE status = ?", (self._lease_end(), TaskStatus.PROCESSING)
        )
        self._database.was_away = False

    def _moment(self, row: sqlite3.Row) -> float:
        """Now, or the task's last change if the clock was set back since: a task's times never go backwards."""
        last: float = row["updated_at"]
        return max(self._clock(), last)
