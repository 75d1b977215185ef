"""The stage that enlarges clips; shares a GPU with the generator where there is one."""

import asyncio
from typing import Any

from ray import serve

from deployments.logs import note_task
from emo_hallo_ray.pipeline import Segment
from emo_hallo_ray.stages.super_resolution import Enlarged, SuperResolution
from emo_hallo_ray.tasks.model import Task


@serve.deployment(name="SuperResolver", max_ongoing_requests=1)
class SuperResolver:
    def __init__(self, stage: SuperResolution) -> None:
        self._stage = stage

    async def upscale(
        self, task: Task, segment: Segment, clip: Any, before: Enlarged | None, is_last: bool
    ) -> Enlarged:
        note_task(task)
        return await asyncio.to_thread(self._stage.upscale, task, segment, clip, before, is_last)
