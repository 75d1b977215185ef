"""CPU stage: the only one that writes video."""

import asyncio
from typing import Any

from ray import serve

from deployments.logs import note_task
from emo_hallo_ray.media.video import VideoInfo
from emo_hallo_ray.pipeline import Segment
from emo_hallo_ray.stages.encoding import Encoding
from emo_hallo_ray.tasks.model import Task


@serve.deployment(name="Encoder", max_ongoing_requests=2)
class Encoder:
    def __init__(self, stage: Encoding) -> None:
        self._stage = stage

    async def encode_sound(self, task: Task, n_frames: int) -> None:
        note_task(task)
        await asyncio.to_thread(self._stage.encode_sound, task, n_frames)

    async def encode(self, task: Task, segment: Segment, *clips: Any) -> None:
        note_task(task)
        await asyncio.to_thread(self._stage.encode, task, segment, clips)

    async def join(self, task: Task, segments: list[str], n_frames: int) -> VideoInfo:
        note_task(task)
        return await asyncio.to_thread(self._stage.join, task, segments, n_frames)
