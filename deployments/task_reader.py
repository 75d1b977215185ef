"""Status polling at the price of a few registry calls a second, however many callers there are."""

import json

from deployments.batches import Batches
from deployments.task_registry import Registry, TaskRegistry
from emo_hallo_ray.errors import TaskNotFound
from emo_hallo_ray.schemas import task_view
from emo_hallo_ray.tasks.model import Task

MAX_REMEMBERED = 1_000


class TaskReader:
    """Reads tasks for many callers, who share questions and the work on equal answers, but never an old answer.

    What is read was true after the caller had asked: whoever saw a change, through whichever replica, sees no older
    state afterwards.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._batches = Batches(self._read)
        self._shown: dict[str, tuple[Task, bytes]] = {}

    async def get(self, task_id: str) -> Task:
        """Read one task.

        Raises:
            TaskNotFound: there is none with this id.
        """
        task: Task = await self._batches.ask(task_id)
        return task

    def to_json(self, task: Task) -> bytes:
        """The task as the API shows it; worked out once as long as it does not change."""
        shown, body = self._shown.get(task.task_id, (None, b""))
        if shown != task:
            body = json.dumps(task_view(task), ensure_ascii=False, separators=(",", ":")).encode()
            if len(self._shown) >= MAX_REMEMBERED:
                self._shown.clear()
            self._shown[task.task_id] = (task, body)
        return body

    async def _read(self, task_ids: list[str]) -> list[Task | TaskNotFound]:
        tasks = await self._registry.call(TaskRegistry.get_many, list(set(task_ids)))
        return [tasks.get(task_id) or TaskNotFound(f"There is no task {task_id}") for task_id in task_ids]
