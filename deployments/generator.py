"""The stage that makes frames; holds the largest share of a GPU where there is one."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import ray
from ray import serve

from deployments.logs import logger, note_task
from deployments.metrics import show_gpu_memory
from deployments.task_registry import RegistryAddress, TaskRegistry
from emo_hallo_ray.engines.base import Arrays, ClipProgress
from emo_hallo_ray.errors import EmoHalloError
from emo_hallo_ray.gpu import describe_gpus
from emo_hallo_ray.pipeline import Segment
from emo_hallo_ray.stages.generation import Generation
from emo_hallo_ray.tasks.model import Task


@serve.deployment(name="Generator", max_ongoing_requests=1, health_check_period_s=10)
class Generator:
    # Serve awaits a constructor that is a coroutine function
    async def __init__(self, stage: Generation, registry: RegistryAddress) -> None:  # type: ignore[misc]
        self._stage = stage
        self._registry = await registry.connect()
        self._replica_id = serve.get_replica_context().replica_id.unique_id
        self._reported: asyncio.Task[None] | None = None
        self._preloading = asyncio.create_task(self._preload())  # beside: the service is up meanwhile

    async def generate(self, task: Task, segment: Segment, speech: Arrays) -> AsyncIterator[Any]:
        """Yield object references of clips, so that whoever forwards them never holds a pixel; progress as it is."""
        note_task(task)
        stop = threading.Event()
        clips = self._stage.generate(task, segment, speech, stop.is_set)
        try:
            while (made := await asyncio.to_thread(next, clips, None)) is not None:
                yield made if isinstance(made, ClipProgress) else ray.put(made)
        finally:
            stop.set()  # reaches a thread that is still at work

    async def _preload(self) -> None:
        try:
            await asyncio.to_thread(self._stage.preload)
        except EmoHalloError as error:  # tasks for this engine will say the same
            logger.error("the engine could not be loaded: %s", error)

    async def check_health(self) -> None:
        """Called by Serve every period: the moment to tell the registry what this replica holds."""
        if self._reported is None or self._reported.done():
            gpus = describe_gpus()
            show_gpu_memory(gpus)
            facts = {"engines": self._stage.loaded_engines, "gpus": [vars(gpu) for gpu in gpus]}
            self._reported = asyncio.create_task(
                self._registry.call(TaskRegistry.report_replica, self._replica_id, facts)
            )
