"""What there is to see of a task before its video: a thumbnail, and a stream of the segments that are finished."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, Response

from deployments.routes.task_lookup import find_task
from deployments.service import service_of
from emo_hallo_ray.engines.base import N_CLIP_FRAMES
from emo_hallo_ray.errors import StreamNotFound, ThumbnailNotFound
from emo_hallo_ray.media import hls
from emo_hallo_ray.media.video import FPS
from emo_hallo_ray.schemas import ErrorBody
from emo_hallo_ray.storage import TaskFiles
from emo_hallo_ray.tasks.model import Task

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
PART_TYPE = "video/mp4"
GONE_HINT = "a finished task's video is at /video"

router = APIRouter(prefix="/api/v1/tasks", tags=["tasks"], responses={404: {"model": ErrorBody}})


@router.get(
    "/{task_id}/stream.m3u8",
    response_class=Response,
    responses={200: {"content": {PLAYLIST_TYPE: {}}}},
    summary="Watch the video while it is made (HLS)",
)
async def task_stream(task_id: str, request: Request) -> Response:
    """The segments that are finished so far; it grows until the task is over. Empty before the first one."""
    task = await find_task(request, task_id)
    service = service_of(request)
    longest_s = (task.clips_per_segment or service.settings.video.clips_per_segment) * N_CLIP_FRAMES / FPS
    text = await asyncio.to_thread(_playlist, task, service.storage.task(task.task_id), longest_s)
    return Response(text, media_type=PLAYLIST_TYPE, headers={"Cache-Control": "no-store"})


@router.get(
    "/{task_id}/stream/{name}",
    response_class=Response,
    responses={200: {"content": {PART_TYPE: {}}}},
    summary="A part of the stream",
)
async def task_stream_part(
    task_id: str, name: Annotated[str, Path(description="as the playlist says it")], request: Request
) -> Response:
    """What all parts have in common (`init.mp4`), or one of them, picture and sound."""
    task = await find_task(request, task_id)
    files = service_of(request).storage.task(task.task_id)
    content = await asyncio.to_thread(_part, task, files, name)
    # a part of this name is never another: an attempt that makes it again has another number
    return Response(content, media_type=PART_TYPE, headers={"Cache-Control": "private, max-age=3600"})


@router.get(
    "/{task_id}/thumbnail",
    response_class=FileResponse,
    responses={200: {"content": {"image/jpeg": {}}}},
    summary="A small picture of the task",
)
async def task_thumbnail(task_id: str, request: Request) -> FileResponse:
    """JPEG of the portrait, and of the video's first frame once there is one; 320 pixels on its long side."""
    task = await find_task(request, task_id)
    files = service_of(request).storage.task(task.task_id)
    try:
        path = await asyncio.to_thread(files.fetch, files.thumbnail, anew=True)
    except FileNotFoundError as error:
        raise ThumbnailNotFound("The thumbnail of this task is gone") from error
    return FileResponse(path, media_type="image/jpeg")


def _playlist(task: Task, files: TaskFiles, longest_s: float) -> str:
    try:
        spans = [hls.measure_segment(path) for path in files.fetch_all(map(files.segment, task.segments))]
    except FileNotFoundError as error:
        raise StreamNotFound("The segments of this task are gone", GONE_HINT) from error
    parts = [(f"stream/{_part_name(name)}", span.duration_s) for name, span in zip(task.segments, spans, strict=True)]
    return hls.write_playlist(parts, longest_s, task.status.is_terminal, "stream/init.mp4")


def _part(task: Task, files: TaskFiles, name: str) -> bytes:
    """By the names that the task knows, so that what is in the address never becomes a path."""
    segments = {_part_name(segment): segment for segment in task.segments}
    try:
        if name == "init.mp4" and task.segments:
            return hls.init_part(*files.fetch_all([files.segment(task.segments[0]), files.sound]))
        if name in segments:
            return hls.media_part(*files.fetch_all([files.segment(segments[name]), files.sound]))
    except FileNotFoundError as error:
        raise StreamNotFound("The segments of this task are gone", GONE_HINT) from error
    raise StreamNotFound(f"There is no part {name[:80]!r} yet", "stream.m3u8 names all that there are")


def _part_name(segment: str) -> str:
    return segment.removesuffix(".mp4") + ".m4s"
