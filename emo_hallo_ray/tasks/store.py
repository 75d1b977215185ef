"""Tasks in SQLite: what users and runners may do with them.

Plain Python with an injected clock. Every public method is one transaction, and `together` joins several. A method
that writes for an attempt takes its fence; a write with an old fence is refused, so two attempts can never both win.
One thread owns a store.

Only heartbeats, progress, log lines and stage times are not waited for until they are on disk: a power cut may take
back the last of them, and they are made again. A claim is waited for, since a fence must never be given out twice.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emo_hallo_ray.errors import (
    IdempotencyConflict,
    InvalidParameter,
    QueueFull,
    ServiceUnavailable,
    SubmissionFailed,
    TaskNotCancellable,
    TaskNotFound,
)
from emo_hallo_ray.tasks.database import Database
from emo_hallo_ray.tasks.deliveries import Deliveries
from emo_hallo_ray.tasks.journal import Journal
from emo_hallo_ray.tasks.lifecycle import Lifecycle, StoreLimits
from emo_hallo_ray.tasks.model import Delivery, EngineDefaults, NewTask, Task, TaskStatus
from emo_hallo_ray.tasks.observer import NobodyWatches, TaskObserver
from emo_hallo_ray.tasks.queries import TaskQueries
from emo_hallo_ray.tasks.rows import task_from_row

__all__ = ["StoreLimits", "TaskStore"]

RETRY_AFTER_S = 30


def queue_full(n_waiting: int) -> QueueFull:
    """The refusal of one more task."""
    return QueueFull(f"{n_waiting} tasks are waiting, no more are taken", "try again later", RETRY_AFTER_S)


class TaskStore(TaskQueries):
    """The tasks of one service.

    Raises:
        ServiceUnavailable: by every method, when the database cannot be used just now.
    """

    def __init__(
        self,
        path: Path,
        limits: StoreLimits,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        lazily: bool = False,
        observer: TaskObserver | None = None,
    ) -> None:
        """Open or make the database.

        Args:
            clock: seconds since the epoch, for the times that people see; may be set back and forth.
            monotonic: seconds that only pass, for leases.
            lazily: open it at the first use, and again at each use after one that failed.
        """
        database = Database(path, lazily)
        journal = Journal(database)
        super().__init__(database, journal)
        self._observer = observer or NobodyWatches()
        self._lifecycle = Lifecycle(database, journal, limits, clock, monotonic, self._observer)
        self._deliveries = Deliveries(database)
        self._limits = limits
        self._clock = clock

    def close(self) -> None:
        """Release the database file."""
        self._database.close()

    def together(self) -> AbstractContextManager[None]:
        """Calls in here reach the disk together, at the end: one wait instead of one for each.

        Raises:
            ServiceUnavailable: nothing of what they did is written.
        """
        return self._database.together()

    # for users

    def create(self, new: NewTask) -> Task:
        """Accept a task; it is on disk when this returns.

        The same idempotency key with the same request gives the earlier task, and so does the same task id.

        Raises:
            IdempotencyConflict: the key was used with another request.
            QueueFull: as many tasks wait as may.
            SubmissionFailed: the task could not be stored.
        """
        try:
            with self._database.transaction():
                if earlier := self._repeated(new):
                    return earlier
                n_waiting = self._count(TaskStatus.QUEUED)
                if n_waiting >= self._limits.max_queued:
                    raise queue_full(n_waiting)
                self._lifecycle.accept(new, position=n_waiting + 1)
                return self.get(new.task_id)
        except ServiceUnavailable as error:
            raise SubmissionFailed(error.detail) from error

    def cancel(self, task_id: str, force: bool = False) -> Task:
        """Cancel a queued task, with `force` a running one too.

        Raises:
            TaskNotFound: there is none with this id.
            TaskNotCancellable: it runs, or it is over.
        """
        with self._database.transaction():
            try:
                row = self._lifecycle.find(task_id)
            except TaskNotFound as error:
                raise TaskNotFound(TaskNotCancellable().detail) from error
            status = TaskStatus(row["status"])
            if status is TaskStatus.PROCESSING and not force:
                raise TaskNotCancellable(hint="force=true stops a running task")
            if status.is_terminal:
                raise TaskNotCancellable(hint=f"it is {status}")
            self._lifecycle.cancel(row)
            return self.get(task_id)

    def delete_data(self, task_id: str) -> Task:
        """Forget all of a task that is over but the bare fact that it was; its files are the caller's to remove.

        Raises:
            TaskNotFound: there is none with this id.
            TaskNotEnded: it waits or runs.
        """
        with self._database.transaction():
            row = self._lifecycle.find_ended(task_id)
            if row["data_deleted_at"] is None:
                self._journal.forget(task_id)
                self._deliveries.forget(task_id)
                # an equal request later is a new one
                gone = {"data_deleted_at": self._clock(), "idempotency_key": None, "request_digest": None}
                gone["webhook"] = None
                self._lifecycle.update(row, **gone)
            return self.get(task_id)

    def delete(self, task_id: str) -> None:
        """Forget a task that is over altogether.

        Raises:
            TaskNotFound: there is none with this id.
            TaskNotEnded: it waits or runs.
        """
        with self._database.transaction():
            self._lifecycle.find_ended(task_id)
            self._database.write("DELETE FROM tasks WHERE task_id = ?", (task_id,))
            self._journal.forget(task_id)
            self._deliveries.forget(task_id)

    def set_defaults(self, changes: Mapping[str, Any]) -> EngineDefaults:
        """Change some defaults, by the names of `EngineDefaults`; they stay changed.

        Raises:
            InvalidParameter: there is no default of this name.
        """
        known = asdict(EngineDefaults())
        if unknown := sorted(changes.keys() - known.keys()):
            raise InvalidParameter(f"There is no default named {unknown[0]!r}", f"there are {', '.join(known)}")
        with self._database.transaction():
            for name, value in changes.items():
                self._database.write("INSERT OR REPLACE INTO defaults VALUES (?, ?)", (name, json.dumps(value)))
            return self.defaults()

    # for runners; with a fence each may raise TaskCancelled or LeaseLost, and then the attempt must stop

    def claim_next(self) -> Task | None:
        """Start an attempt at the queue's next task, if one more may run; the attempt's fence is in the task.

        Two tasks with strikes never run at a time: one that takes its runners down costs each of the others one attempt
        at most.
        """
        with self._database.transaction():
            self._lifecycle.expire_leases()
            if self._count(TaskStatus.PROCESSING) >= self._limits.max_concurrent:
                return None
            suspect_runs = self._database.value(
                "SELECT count(*) FROM tasks WHERE status = ? AND strikes > 0", (TaskStatus.PROCESSING,)
            )
            row = self._queue.next(max_strikes=0 if suspect_runs else None)
            if row is None:
                return None
            self._lifecycle.start_attempt(row)
            self._queue.count_turn(row["owner"])
            return self.get(row["task_id"])

    def expire_leases(self) -> list[str]:
        """Put tasks of silent runners back into the queue, or fail those that used up their attempts; their ids."""
        with self._database.transaction():
            return self._lifecycle.expire_leases()

    def heartbeat(self, task_id: str, fence: int) -> None:
        """Keep the lease. One that ran out is revived as long as nobody has taken the task away."""
        with self._database.transaction(durable=False):
            self._lifecycle.keep(self._lifecycle.held(task_id, fence))

    def report(
        self, task_id: str, fence: int, progress: int, message: str, frames_done: int, frames_total: int | None
    ) -> None:
        """Write progress (it never goes down) and keep the lease; an event arises if something visible changed."""
        with self._database.transaction(durable=False):
            row = self._lifecycle.held(task_id, fence)
            progress = max(row["progress"], min(progress, 99))  # 100 is for `complete`
            values = {"status_message": message, "frames_done": frames_done, "frames_total": frames_total}
            self._lifecycle.keep(row, progress=progress, **values)
            if (progress, message) != (row["progress"], row["status_message"]):
                self._lifecycle.announce(row, TaskStatus.PROCESSING, progress, message)

    def commit_segment(self, task_id: str, fence: int, index: int, name: str, frames_done: int) -> None:
        """Count a finished segment and keep the lease; doing so twice is the same as once.

        Raises:
            ValueError: a segment before this one is missing, or another one is in its place.
        """
        with self._database.transaction():
            row = self._lifecycle.held(task_id, fence)
            segments = list(task_from_row(row).segments)
            values: dict[str, Any] = {}
            if index == len(segments):
                segments.append(name)
                if len(segments) > row["furthest"]:  # else it only makes again what was lost
                    values = {"furthest": len(segments), "strikes": 0}
                self._lifecycle.tell(row, f"segment {index + 1} finished, {frames_done} frames")
            elif index not in range(len(segments)) or segments[index] != name:
                raise ValueError(f"segment {index} ({name}) committed, but segment {len(segments)} is next")
            self._lifecycle.keep(row, segments=segments, frames_done=max(row["frames_done"], frames_done), **values)

    def restart_segments(self, task_id: str, fence: int, n_kept: int = 0) -> None:
        """Forget the segments after the first `n_kept`, whose files are gone, and keep the lease."""
        with self._database.transaction():
            row = self._lifecycle.held(task_id, fence)
            self._lifecycle.keep(row, segments=list(task_from_row(row).segments)[: max(n_kept, 0)])

    def add_stage_seconds(self, task_id: str, fence: int, stage: str, seconds: float) -> None:
        """Add to the time that a stage was busy with this task, and keep the lease."""
        with self._database.transaction(durable=False):
            row = self._lifecycle.held(task_id, fence)
            spent = task_from_row(row).stage_seconds
            self._lifecycle.keep(row, stage_seconds={**spent, stage: spent.get(stage, 0.0) + seconds})

    def complete(self, task_id: str, fence: int, result: dict[str, Any]) -> None:
        """End the task well; doing so twice with one fence is the same as once."""
        with self._database.transaction():
            row = self._lifecycle.find(task_id)
            if row["status"] == TaskStatus.COMPLETED and row["fence"] == fence:
                return
            self._lifecycle.complete(self._lifecycle.held(task_id, fence), result)

    def fail(self, task_id: str, fence: int, error_code: str, error: str, retryable: bool) -> None:
        """End the attempt badly: another one follows if that may help and one is left, else the task failed."""
        with self._database.transaction():
            row = self._lifecycle.held(task_id, fence)
            if retryable:
                line = f"attempt {row['attempts']} failed: {error}"
                self._lifecycle.retry_or_fail(row, line, error_code, error)
            else:
                self._lifecycle.fail(row, error_code, error)

    def release(self, task_id: str, fence: int, reason: str | None = None) -> None:
        """Give a task back unharmed, as on shutdown or for a reason outside of it; it counts as no attempt."""
        with self._database.transaction():
            self._lifecycle.give_back(self._lifecycle.held(task_id, fence), reason)

    def log(self, task_id: str, level: str, message: str) -> None:
        """Add a line to a task's log; line breaks become spaces.

        Raises:
            TaskNotFound: there is none with this id.
        """
        with self._database.transaction(durable=False):
            self._lifecycle.tell(self._lifecycle.find(task_id), message, level)

    # for those who tell webhooks

    def take_deliveries(self, limit: int) -> list[Delivery]:
        """Take messages that are due; nobody else gets them until each is settled or a minute is over."""
        if not self._deliveries.are_due(self._clock()):
            return []
        with self._database.transaction():
            taken = self._deliveries.take(self._clock(), limit)
            tasks = self.get_many([each.task_id for each in taken])
            self._deliveries.drop(each.delivery_id for each in taken if each.task_id not in tasks)
            return [
                Delivery(each.delivery_id, each.event, each.attempts, tasks[each.task_id])
                for each in taken
                if each.task_id in tasks
            ]

    def settle_delivery(self, delivery_id: str, line: str, is_delivered: bool, retry_in_s: float | None) -> None:
        """Write down how a try went; without a time for the next one it was the last."""
        with self._database.transaction():
            task_id = self._deliveries.task_of(delivery_id)
            if task_id is None:  # settled before, or the task's data were deleted meanwhile
                return
            self._lifecycle.tell(self._lifecycle.find(task_id), line, "INFO" if is_delivered else "WARNING")
            if retry_in_s is None:
                self._deliveries.drop([delivery_id])
            else:
                self._deliveries.postpone(delivery_id, self._clock() + retry_in_s)
            self._database.after_commit(lambda: self._observer.delivery_tried(is_delivered))

    def _repeated(self, new: NewTask) -> Task | None:
        """The task that an earlier, equal request made."""
        row = self._database.row(
            "SELECT task_id, request_digest FROM tasks"
            # each half has an index; written otherwise the second one reads all tasks of the owner
            " WHERE task_id = ? OR (ifnull(owner, '') = ifnull(?, '') AND idempotency_key = ?)",
            (new.task_id, new.owner, new.idempotency_key),
        )
        if row is None:
            return None
        if row["request_digest"] != new.request_digest:
            raise IdempotencyConflict(
                "The idempotency key was used before with another request", "use a new key for a new request"
            )
        return self.get(row["task_id"])
