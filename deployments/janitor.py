"""Sweeps the storage now and then, by the retention policy; one per ingress replica, which harms nobody."""

import asyncio
import random
import time
from typing import Any

from deployments.logs import logger
from deployments.task_registry import Registry, TaskRegistry
from emo_hallo_ray.errors import ServiceUnavailable
from emo_hallo_ray.retention import Sweeper, Swept
from emo_hallo_ray.settings import RetentionSettings
from emo_hallo_ray.storage import Storage

# A wall clock that was set by this much makes every age wrong. Deleting waits, so that somebody can set it right.
SUSPICIOUS_JUMP_S = 3_600.0
DISTRUST_FOR_S = 3_600.0


class RegistryRecords:
    """`retention.TaskRecords` over the registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def __getattr__(self, name: str) -> Any:
        method = getattr(TaskRegistry, name)
        return lambda *args, **kwargs: self._registry.call(method, *args, **kwargs)


class Janitor:
    """The loop; `start` and `stop` bracket its life."""

    def __init__(self, registry: Registry, storage: Storage, policy: RetentionSettings) -> None:
        self._sweeper = Sweeper(storage, RegistryRecords(registry), policy)
        self._every_s = policy.sweep_every_s
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to sweep."""
        self._loop = asyncio.create_task(self._sweep_forever())

    async def stop(self) -> None:
        """Sweep no more; a sweep that is broken off loses nothing."""
        if self._loop:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def _sweep_forever(self) -> None:
        offset = time.time() - time.monotonic()
        while True:
            await asyncio.sleep(self._every_s * random.uniform(0.8, 1.2))  # replicas need not all come at once
            jump = time.time() - time.monotonic() - offset
            offset += jump
            if abs(jump) > SUSPICIOUS_JUMP_S:
                logger.warning("the clock was set by %.0f s: nothing is deleted by age for an hour", jump)
                await asyncio.sleep(DISTRUST_FOR_S)
                continue
            try:
                _tell(await self._sweeper.sweep())
            except ServiceUnavailable as error:
                logger.warning("the storage cannot be swept now: %s", error)
            except Exception:  # a loop that ended would let the disk fill up
                logger.exception("the storage cannot be swept")


def _tell(swept: Swept) -> None:
    for why, task_ids in (("age", swept.by_age), ("size", swept.by_size)):
        for task_id in task_ids:
            logger.info("task %s: its data were deleted by the retention policy (%s)", task_id, why)
    if swept.records or swept.orphans:
        logger.info("retention: %s old records and %s orphaned files deleted", swept.records, swept.orphans)
