"""Decodes recordings and turns them into speech features; takes a share of a GPU where there is one."""

import asyncio

from ray import serve

from deployments.logs import note_task
from deployments.metrics import count_cache_use
from emo_hallo_ray.engines.base import Arrays
from emo_hallo_ray.pipeline import Prepared, Segment
from emo_hallo_ray.stages.speech import SpeechEmbedding
from emo_hallo_ray.tasks.model import Task


@serve.deployment(name="AudioEmbedder", max_ongoing_requests=2)
class AudioEmbedder:
    def __init__(self, stage: SpeechEmbedding) -> None:
        self._stage = stage

    async def prepare(self, task: Task) -> Prepared:
        note_task(task)
        prepared = await asyncio.to_thread(self._stage.prepare, task)
        count_cache_use("speech", prepared)
        return prepared

    async def embed(self, task: Task, segment: Segment) -> Arrays:
        note_task(task)
        return await asyncio.to_thread(self._stage.embed, task, segment)
