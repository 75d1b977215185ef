"""What the health routes tell. Facts are gathered when somebody asks, and kept for a moment: probes come often."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from ray import serve

from deployments.task_registry import Registry, TaskRegistry
from emo_hallo_ray.engines.registry import EngineCatalog
from emo_hallo_ray.errors import ServiceUnavailable
from emo_hallo_ray.gpu import describe_gpus
from emo_hallo_ray.tasks.model import TaskStatus

T = TypeVar("T")


class Remembered(Generic[T]):
    """An asynchronous value that is worked out again when it is older than `max_age_s`."""

    def __init__(self, work_out: Callable[[], Awaitable[T]], max_age_s: float) -> None:
        self._work_out, self._max_age_s = work_out, max_age_s
        self._lock = asyncio.Lock()
        self._at = -float("inf")
        self._value: T

    async def get(self) -> T:
        """The value; callers that come while it is worked out wait for the same answer."""
        if time.monotonic() - self._at > self._max_age_s:
            async with self._lock:
                if time.monotonic() - self._at > self._max_age_s:
                    self._value = await self._work_out()
                    self._at = time.monotonic()
        return self._value


class HealthMonitor:
    """Facts about the service as a whole."""

    def __init__(
        self,
        registry: Registry,
        engines: EngineCatalog,
        app_name: str,
        trouble: Callable[[], ServiceUnavailable | None],
    ) -> None:
        """Watch a service.

        Args:
            trouble: says why no task can be run just now, see `TaskRunner.trouble`.
        """
        self._registry = registry
        self._trouble = trouble
        self._engines = engines
        self._started = time.monotonic()
        self._gpus = Remembered(self._read_gpus, max_age_s=10)
        self._stages = Remembered(lambda: asyncio.to_thread(_replica_counts, app_name), max_age_s=5)
        self._counts = Remembered(lambda: registry.call(TaskRegistry.counts), max_age_s=1)

    async def brief(self) -> dict[str, Any]:
        """`GET /health`.

        Raises:
            ServiceUnavailable: the registry is away or cannot work, so no task could be accepted.
        """
        if (trouble := self._trouble()) is not None:
            raise trouble
        await self._counts.get()
        gpus = await self._gpus.get()
        return {
            "status": "healthy",
            "gpu_available": bool(gpus),
            "gpu_count": len(gpus),
            "gpu_name": gpus[0]["name"] if gpus else None,
        }

    async def full(self) -> dict[str, Any]:
        """`GET /api/v1/health`; degraded rather than failing when a part is away."""
        try:
            if (trouble := self._trouble()) is not None:
                raise trouble
            counts = await self._registry.call(TaskRegistry.counts)
            length, oldest = await self._registry.call(TaskRegistry.queue)
            replicas = await self._registry.call(TaskRegistry.replicas)
            stages, is_whole = await self._stages.get()
        except ServiceUnavailable as error:
            return {"status": "unhealthy", "timestamp": _now(), "reason": str(error)}
        gpus = await self._gpus.get()
        return {
            "status": "healthy" if is_whole else "degraded",
            "timestamp": _now(),
            "uptime": round(time.monotonic() - self._started, 1),
            "models_loaded": sorted({engine for facts in replicas for engine in facts["engines"]}),
            "gpu": {"available": bool(gpus), "count": len(gpus), "devices": [_device(gpu) for gpu in gpus]},
            "tasks": {
                "queued": counts[TaskStatus.QUEUED],
                "running": counts[TaskStatus.PROCESSING],
                "completed": counts[TaskStatus.COMPLETED],
                "failed": counts[TaskStatus.FAILED],
                "cancelled": counts[TaskStatus.CANCELLED],
            },
            "engines": {s.name: {"available": s.available, "reason": s.reason} for s in self._engines.statuses()},
            "queue": {
                "length": length,
                "oldest_age_seconds": None if oldest is None else round(max(0.0, time.time() - oldest), 1),
            },
            "stages": stages,
        }

    async def _read_gpus(self) -> list[dict[str, Any]]:
        """The GPUs of every node that a model stage runs on, and of this one."""
        replicas = await self._registry.call(TaskRegistry.replicas)
        here = [vars(gpu) for gpu in await asyncio.to_thread(describe_gpus)]
        by_uuid = {gpu["uuid"]: gpu for gpu in [*here, *(gpu for facts in replicas for gpu in facts["gpus"])]}
        return [gpu | {"index": index} for index, gpu in enumerate(by_uuid.values())]


def _replica_counts(app_name: str) -> tuple[dict[str, int], bool]:
    """Running replicas of each deployment, and whether each has some, or none because none is wanted."""
    deployments = serve.status().applications[app_name].deployments
    counts = {name: status.replica_states.get("RUNNING", 0) for name, status in deployments.items()}
    return counts, all(counts[name] or status.status == "HEALTHY" for name, status in deployments.items())


def _device(gpu: dict[str, Any]) -> dict[str, Any]:
    return {
        "index": gpu["index"],
        "name": gpu["name"],
        "memory_allocated": _gigabytes(gpu["memory_used_bytes"]),
        "memory_total": _gigabytes(gpu["memory_total_bytes"]),
    }


def _gigabytes(size: int) -> str:
    return f"{size / 1024**3:.1f}".removesuffix(".0") + " GB"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
