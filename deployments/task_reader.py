"""Status polling at the price of a few registry calls a second, however many callers there are."""

import asyncio
import time

from deployments.task_registry import Registry, TaskRegistry
from emo_hallo_ray.errors import TaskNotFound
from emo_hallo_ray.tasks.model import Task

# An actor call costs more processor time than the rest of a status request. Nobody sees a video's progress change
# in less time than this.
MAX_AGE_S = 0.05
MAX_REMEMBERED = 1_000


class TaskReader:
    """Reads tasks for many callers: remembers an answer for a moment, and asks for all that are missing in one call.

    An answer is at most `MAX_AGE_S` old, and never older than the last change made through this replica: whoever
    cancels a task here sees it cancelled.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._remembered: dict[str, tuple[float, Task]] = {}
        self._waiting: dict[str, list[asyncio.Future[Task | None]]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def get(self, task_id: str) -> Task:
        """Read one task.

        Raises:
            TaskNotFound: there is none with this id.
        """
        read_at, task = self._remembered.get(task_id, (-MAX_AGE_S, None))
        if task is None or time.monotonic() - read_at > MAX_AGE_S:
            task = await self._ask(task_id)
        if task is None:
            raise TaskNotFound(f"There is no task {task_id}")
        return task

    def forget(self, task_id: str) -> None:
        """The task was changed through this replica."""
        self._remembered.pop(task_id, None)

    async def _ask(self, task_id: str) -> Task | None:
        future: asyncio.Future[Task | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(task_id, []).append(future)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_until_idle())
        return await future

    async def _read_until_idle(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, {}
            asked_at = time.monotonic()
            try:
                tasks = await self._registry.call(TaskRegistry.get_many, list(waiting))
            except Exception as error:
                for future in _unsettled(waiting):
                    future.set_exception(error)
                continue
            self._remember(asked_at, tasks)
            for task_id, futures in waiting.items():
                for future in _unsettled({task_id: futures}):
                    future.set_result(tasks.get(task_id))

    def _remember(self, asked_at: float, tasks: dict[str, Task]) -> None:
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.clear()
        for task_id, task in tasks.items():
            self._remembered[task_id] = (asked_at, task)


def _unsettled(waiting: dict[str, list[asyncio.Future[Task | None]]]) -> list[asyncio.Future[Task | None]]:
    """Those whose callers have not gone away meanwhile."""
    return [future for futures in waiting.values() for future in futures if not future.done()]
