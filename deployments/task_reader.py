"""Status polling at the price of a few registry calls a second, however many callers there are."""

import asyncio
import json
import time
import uuid
from dataclasses import dataclass

from deployments.batches import Batches
from deployments.logs import logger
from deployments.task_registry import READER_GONE_AFTER_S, Reading, Registry, TaskRegistry
from emo_hallo_ray.errors import EmoHalloError, TaskNotFound
from emo_hallo_ray.schemas import task_view
from emo_hallo_ray.tasks.model import Task

# A question costs more processor time than all the rest of a status request. Progress changes a few times a second at
# most, so nobody sees the difference.
RENEW_S = 0.1  # an answer of this age is given, and asked for again behind it, so that nobody has to wait
REMEMBER_S = 0.3
MAX_REMEMBERED = 1_000


@dataclass
class _Remembered:
    task: Task
    asked_at: float
    json: bytes | None = None


class TaskReader:
    """Reads tasks for many callers, who share questions and, while this replica is the only one, answers too.

    Nobody ever sees a task go back: where there are several replicas each answer was true after its question.
    `start` and `stop` bracket its life, in which the registry knows of it.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._id = str(uuid.uuid4())
        self._batches = Batches(self._read)
        self._remembered: dict[str, _Remembered] = {}
        self._renewing: dict[str, asyncio.Task[None]] = {}
        self._is_alone = False
        self._announcing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Tell the registry of this reader from now on, so that others stop to remember."""
        self._announcing = asyncio.create_task(self._announce())

    async def stop(self) -> None:
        """Say no more."""
        if self._announcing is not None:
            self._announcing.cancel()
            await asyncio.wait([self._announcing])

    async def get(self, task_id: str) -> Task:
        """A task as it is now.

        Raises:
            TaskNotFound: there is none with this id.
        """
        task: Task = await self._batches.ask(task_id)
        return task

    async def glance(self, task_id: str) -> Task:
        """A task as it was `REMEMBER_S` ago or later, but no earlier than anybody has seen it or changed it.

        Raises:
            TaskNotFound: there is none with this id.
        """
        remembered = self._remembered.get(task_id)
        age_s = time.monotonic() - remembered.asked_at if remembered else REMEMBER_S
        if remembered is None or age_s >= REMEMBER_S or not self._is_alone:
            return await self.get(task_id)
        if age_s >= RENEW_S and task_id not in self._renewing:
            self._renewing[task_id] = asyncio.create_task(self._renew(task_id))
        return remembered.task

    def forget(self, task_id: str) -> None:
        """The task was changed through this replica."""
        self._remembered.pop(task_id, None)

    def to_json(self, task: Task) -> bytes:
        """The task as the API shows it; worked out once for all who ask about an unchanged task."""
        remembered = self._remembered.get(task.task_id)
        if remembered is None or remembered.task != task:
            return _to_json(task)
        if remembered.json is None:
            remembered.json = _to_json(task)
        return remembered.json

    async def _renew(self, task_id: str) -> None:
        try:
            await self.get(task_id)
        except EmoHalloError:  # for the next one to hear, who has to ask then
            self.forget(task_id)
        finally:
            del self._renewing[task_id]

    async def _announce(self) -> None:
        while True:
            try:
                await self._read([])
            except EmoHalloError as error:
                if self._is_alone:
                    logger.warning("no answer is remembered for now, since the registry is away: %s", error)
                self._is_alone = False
            await asyncio.sleep(READER_GONE_AFTER_S / 5)

    async def _read(self, task_ids: list[str]) -> list[Task | TaskNotFound]:
        asked_at = time.monotonic()
        reading: Reading = await self._registry.call(TaskRegistry.read, self._id, list(set(task_ids)))
        self._is_alone = reading.is_alone
        self._remember(asked_at, reading.tasks)
        return [reading.tasks.get(task_id) or TaskNotFound(f"There is no task {task_id}") for task_id in task_ids]

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
