"""Status polling at the price of a few registry calls a second, however many callers there are."""

import asyncio
import json
import time
from dataclasses import dataclass

from deployments.task_registry import Registry, TaskRegistry
from emo_hallo_ray.errors import TaskNotFound
from emo_hallo_ray.schemas import task_view
from emo_hallo_ray.tasks.model import Task

# An actor call costs more processor time than all the rest of a status request. Progress changes a few times a second
# at most, so nobody sees the difference.
FRESH_S = 0.1  # an answer of this age is given without a question
STALE_S = 0.3  # up to this age it is given, and asked for again; after that callers wait
MAX_REMEMBERED = 1_000

Waiting = dict[str, list["asyncio.Future[Task | None]"]]


@dataclass
class _Remembered:
    task: Task
    asked_at: float
    json: bytes | None = None


class TaskReader:
    """Reads tasks for many callers: remembers answers for a moment, and asks for all that are missing in one call.

    An answer is at most `STALE_S` old, and never older than the last change made through this replica: whoever cancels
    a task here sees it cancelled.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._remembered: dict[str, _Remembered] = {}
        self._waiting: Waiting = {}
        self._reading: asyncio.Task[None] | None = None

    async def get(self, task_id: str) -> Task:
        """Read one task.

        Raises:
            TaskNotFound: there is none with this id.
        """
        remembered = self._remembered.get(task_id)
        age_s = time.monotonic() - remembered.asked_at if remembered else STALE_S
        if remembered is None or age_s >= STALE_S:
            task = await self._ask(task_id)
            if task is None:
                raise TaskNotFound(f"There is no task {task_id}")
            return task
        if age_s >= FRESH_S and task_id not in self._waiting:
            self._ask(task_id)  # for those who come next
        return remembered.task

    def to_json(self, task: Task) -> bytes:
        """The task as the API shows it; worked out once for all who ask about an unchanged task."""
        remembered = self._remembered.get(task.task_id)
        if remembered is None or remembered.task is not task:
            return _to_json(task)
        if remembered.json is None:
            remembered.json = _to_json(task)
        return remembered.json

    def forget(self, task_id: str) -> None:
        """The task was changed through this replica."""
        self._remembered.pop(task_id, None)

    def _ask(self, task_id: str) -> "asyncio.Future[Task | None]":
        future: asyncio.Future[Task | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(task_id, []).append(future)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_until_idle())
        return future

    async def _read_until_idle(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, {}
            asked_at = time.monotonic()
            try:
                tasks = await self._registry.call(TaskRegistry.get_many, list(waiting))
            except Exception as error:
                for future in _unsettled(waiting):
                    future.set_exception(error)
                    future.exception()  # nobody may be waiting for it
                continue
            self._remember(asked_at, tasks)
            for task_id, futures in waiting.items():
                for future in _unsettled({task_id: futures}):
                    future.set_result(tasks.get(task_id))

    def _remember(self, asked_at: float, tasks: dict[str, Task]) -> None:
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.clear()
        for task_id, task in tasks.items():
            before = self._remembered.get(task_id)
            if before is not None and before.task == task:
                before.asked_at = asked_at
            else:
                self._remembered[task_id] = _Remembered(task, asked_at)


def _to_json(task: Task) -> bytes:
    return json.dumps(task_view(task), ensure_ascii=False, separators=(",", ":")).encode()


def _unsettled(waiting: Waiting) -> list["asyncio.Future[Task | None]"]:
    """Those whose callers have not gone away meanwhile."""
    return [future for futures in waiting.values() for future in futures if not future.done()]
