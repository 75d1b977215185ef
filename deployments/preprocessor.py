"""CPU stage: checks uploads and prepares portraits."""

import asyncio
from typing import Any

from ray import serve

from deployments.logs import note_task
from deployments.metrics import count_cache_use
from emo_hallo_ray.media.audio import AudioInfo
from emo_hallo_ray.pipeline import Prepared
from emo_hallo_ray.stages.preprocessing import Preprocessing
from emo_hallo_ray.storage import TaskFiles
from emo_hallo_ray.tasks.model import Task


@serve.deployment(name="Preprocessor", max_ongoing_requests=2)
class Preprocessor:
    def __init__(self, stage: Preprocessing) -> None:
        self._stage = stage

    async def inspect(self, files: TaskFiles) -> AudioInfo:
        return await asyncio.to_thread(self._stage.inspect, files)

    async def describe_portrait(self, files: TaskFiles) -> dict[str, Any]:
        return await asyncio.to_thread(self._stage.describe_portrait, files)

    async def describe_recording(self, files: TaskFiles) -> dict[str, Any]:
        return await asyncio.to_thread(self._stage.describe_recording, files)

    async def prepare_portrait(self, task: Task) -> Prepared:
        note_task(task)
        prepared = await asyncio.to_thread(self._stage.prepare_portrait, task)
        count_cache_use("preprocessing", prepared)
        return prepared
