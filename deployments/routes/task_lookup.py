"""Finding the task that an address names, for whoever asks."""

import uuid

from fastapi import Request

from deployments.logs import note_task
from deployments.service import caller_of, service_of
from emo_hallo_ray.errors import TaskNotFound
from emo_hallo_ray.tasks.model import Task


async def find_task(request: Request, task_id: str, at_a_glance: bool = False) -> Task:
    """The task, if it exists and is the caller's; other people's tasks do not exist.

    Args:
        at_a_glance: it may be as it was a moment ago.

    Raises:
        TaskNotFound: there is none of this name for the caller.
    """
    try:
        canonical = str(uuid.UUID(task_id))
    except ValueError:
        raise TaskNotFound(f"There is no task {task_id[:80]!r}", "a task id is a UUID") from None
    reader = service_of(request).reader
    task = await (reader.glance(canonical) if at_a_glance else reader.get(canonical))
    caller = caller_of(request)
    if caller is not None and task.owner != caller:
        raise TaskNotFound(f"There is no task {canonical}")
    note_task(task)
    return task
