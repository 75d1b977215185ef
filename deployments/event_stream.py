"""A task's changes as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator

from deployments.service import Service
from deployments.task_registry import TaskRegistry
from emo_hallo_ray.schemas import task_view
from emo_hallo_ray.tasks.model import Event, Task

POLL_S = 0.25
HEARTBEAT_S = 15.0


async def event_stream(service: Service, task_id: str, seq: int) -> AsyncIterator[str]:
    """All events after `seq`, to the last one of the task.

    That others of the queue went ahead or away is no event of the task, and has no number to resume from: it is told as
    it is seen.
    """
    loop = asyncio.get_running_loop()
    last_sent = loop.time()
    position: int | None = None
    while True:
        events: list[Event] = await service.registry.call(TaskRegistry.events_since, task_id, seq)
        for event in events:
            seq = event.seq
            task = await service.reader.get(task_id)
            yield f"id: {seq}\n{_message(task, event)}"
            position, last_sent = task.queue_position, loop.time()
            if event.status.is_terminal:
                return
        if not events:
            task = await service.reader.get(task_id)
            if task.status.is_terminal:
                return  # the listener had heard the end before
            if task.queue_position not in (None, position):
                yield _message(task)
                position, last_sent = task.queue_position, loop.time()
        if loop.time() - last_sent > HEARTBEAT_S:
            yield ": heartbeat\n\n"
            last_sent = loop.time()
        await asyncio.sleep(POLL_S)


def _message(task: Task, event: Event | None = None) -> str:
    """The task as it was at the event; what an event does not record is as it is now."""
    view = task_view(task)
    if event is not None:
        view |= {"status": event.status.value, "progress": event.progress, "status_message": event.message}
    return f"event: task\ndata: {json.dumps(view)}\n\n"
