"""Tasks: status, list, events, logs, video, cancellation."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse

from deployments.event_stream import event_stream
from deployments.logs import logger
from deployments.routes.task_lookup import find_task
from deployments.service import caller_of, service_of
from deployments.task_registry import TaskRegistry
from emo_hallo_ray.errors import TaskNotCancellable, TaskNotCompleted, TaskNotFound, VideoNotFound
from emo_hallo_ray.schemas import Cancelled, DataDeleted, ErrorBody, TaskList, TaskLogs, TaskView, rfc3339, task_view
from emo_hallo_ray.tasks.model import TaskStatus

router = APIRouter(prefix="/api/v1/tasks", tags=["tasks"], responses={404: {"model": ErrorBody}})


def _header(name: str, description: str) -> dict[str, Any]:
    """For the OpenAPI page: a header that the file response reads by itself."""
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


@router.get("", response_model=TaskList, summary="List tasks, newest first")
async def list_tasks(
    request: Request,
    status: TaskStatus | None = None,
    limit: Annotated[int | None, Query(ge=1, le=1000)] = None,
    cursor: str | None = None,
) -> JSONResponse:
    """All of them in one object, or a page of `limit` with `next_cursor` where there is more."""
    page = await service_of(request).registry.call(
        TaskRegistry.list_tasks, status=status, owner=caller_of(request), limit=limit, cursor=cursor
    )
    tasks = {task.task_id: task_view(task) for task in page.tasks}
    return JSONResponse({"tasks": tasks, "count": len(tasks), "next_cursor": page.next_cursor})


@router.get("/{task_id}", response_model=TaskView, summary="Status of a task")
async def get_task(task_id: str, request: Request) -> Response:
    """Made for polling: many callers share one look at the store."""
    task = await find_task(request, task_id, at_a_glance=True)
    return Response(service_of(request).reader.to_json(task), media_type="application/json")


@router.delete("/{task_id}", response_model=Cancelled, summary="Cancel a task")
async def cancel_task(task_id: str, request: Request, force: bool = False) -> Cancelled:
    """Take a queued task out of the queue; with `force=true` stop a running one too."""
    try:
        task = await find_task(request, task_id)
    except TaskNotFound as error:
        raise TaskNotFound(TaskNotCancellable().detail) from error
    service = service_of(request)
    await service.registry.call(TaskRegistry.cancel, task.task_id, force)
    service.reader.forget(task.task_id)
    service.runner.cancel(task.task_id)
    return Cancelled(task_id=task.task_id)


@router.delete("/{task_id}/data", response_model=DataDeleted, summary="Delete a task's uploads, video and log")
async def delete_task_data(task_id: str, request: Request) -> DataDeleted:
    """For people who want theirs gone, at once; the bare record that there was a task stays. The task must be over."""
    task = await find_task(request, task_id)
    service = service_of(request)
    deleted = await service.registry.call(TaskRegistry.delete_data, task.task_id)
    service.reader.forget(task.task_id)
    await asyncio.to_thread(service.storage.task(task.task_id).delete)
    logger.info("task %s: its data were deleted on request", task.task_id)
    return DataDeleted(task_id=task.task_id, data_deleted_at=rfc3339(deleted.data_deleted_at))


@router.get("/{task_id}/logs", response_model=TaskLogs, summary="Log of a task")
@router.post(
    "/{task_id}/logs",
    response_model=TaskLogs,
    operation_id="task_logs_by_post",
    summary="Log of a task, by the documented method",
)
async def task_logs(
    task_id: str, request: Request, tail: Annotated[int | None, Query(ge=1, le=1_000_000)] = None
) -> TaskLogs:
    """The whole log as text, `[LEVEL] message` a line, or its last `tail` lines."""
    task = await find_task(request, task_id)
    records = await service_of(request).registry.call(TaskRegistry.logs, task.task_id, tail)
    return TaskLogs(task_id=task_id, logs="".join(f"[{r.level}] {r.message}\n" for r in records))


@router.head("/{task_id}/video", include_in_schema=False)
@router.get(
    "/{task_id}/video",
    response_class=FileResponse,
    responses={
        200: {"content": {"video/mp4": {}}},
        206: {"description": "The range", "content": {"video/mp4": {}, "multipart/byteranges": {}}},
        416: {"description": "The video ends before the range begins", "model": ErrorBody},
    },
    openapi_extra={"parameters": [_header("Range", "such as bytes=0-99"), _header("If-Range", "an ETag")]},
    summary="Download the video",
)
async def task_video(task_id: str, request: Request) -> Response:
    """The MP4, whole or by `Range`."""
    task = await find_task(request, task_id)
    if task.result is None:
        raise TaskNotCompleted(f"The task is {task.status.value}, not completed", "poll its status and try again")
    files = service_of(request).storage.task(task.task_id)
    if task.data_deleted_at is not None:
        raise VideoNotFound(
            f"The video was deleted at {rfc3339(task.data_deleted_at)}", "make it again with a new task"
        )
    try:
        path = await asyncio.to_thread(files.fetch, files.result(task.result["fence"]))
    except FileNotFoundError as error:
        raise VideoNotFound("The video file of this task is gone") from error
    return FileResponse(path, media_type="video/mp4", filename=f"emo-hallo-{task.task_id[:8]}.mp4")


@router.get(
    "/{task_id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
    summary="Follow a task (server-sent events)",
)
async def task_events(
    task_id: str,
    request: Request,
    last_event_id: Annotated[str, Header(pattern=r"^\d{1,9}$")] = "0",
) -> StreamingResponse:
    """A `task` event for each change, even of the place in the queue; a heartbeat comment every 15 s."""
    task = await find_task(request, task_id)
    events = event_stream(service_of(request), task.task_id, int(last_event_id))
    return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
