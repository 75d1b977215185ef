"""What Prometheus is told, through Ray's own endpoint: one table of everything, and those who count.

Tasks are counted where their events are applied, in the registry, so that there is one count however many replicas.
"""

import time
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from ray.serve import metrics

from emo_hallo_ray.gpu import Gpu
from emo_hallo_ray.pipeline import Prepared
from emo_hallo_ray.tasks.model import Task, TaskStatus
from emo_hallo_ray.tasks.queries import TaskQueries

REFRESH_S = 5.0
SECONDS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)
RATIOS = (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 5, 10, 30, 100, 300, 1_000)


@dataclass(frozen=True)
class Metric:
    """One line of the table; Ray puts `ray_` before the name."""

    kind: Literal["counter", "gauge", "histogram"]
    name: str
    description: str
    tags: tuple[str, ...] = ()
    boundaries: tuple[float, ...] = ()


METRICS = {
    metric.name.removeprefix("emo_hallo_"): metric
    for metric in (
        Metric("counter", "emo_hallo_tasks_created_total", "tasks accepted", ("engine",)),
        Metric("counter", "emo_hallo_tasks_ended_total", "tasks that are over", ("engine", "status")),
        Metric("counter", "emo_hallo_attempts_failed_total", "attempts that another one follows", ("engine",)),
        Metric("gauge", "emo_hallo_tasks_active", "tasks that wait or run now", ("engine", "status")),
        Metric("gauge", "emo_hallo_queue_length", "tasks that wait"),
        Metric("gauge", "emo_hallo_queue_oldest_age_seconds", "for how long the oldest of them has waited"),
        Metric("histogram", "emo_hallo_wait_seconds", "from acceptance to the first attempt", ("engine",), SECONDS),
        Metric("histogram", "emo_hallo_task_seconds", "from the first attempt to completion", ("engine",), SECONDS),
        Metric(
            *("histogram", "emo_hallo_stage_seconds", "a stage's work on one completed task"),
            *(("engine", "stage"), SECONDS),
        ),
        Metric(
            *("histogram", "emo_hallo_real_time_factor", "seconds to completion per second of video"),
            *(("engine",), RATIOS),
        ),
        Metric(
            "counter", "emo_hallo_processing_seconds_total", "from first attempts to completions, together", ("engine",)
        ),
        Metric(
            "counter", "emo_hallo_stage_busy_seconds_total", "a stage's work on completed tasks", ("engine", "stage")
        ),
        Metric("counter", "emo_hallo_video_seconds_total", "length of the videos made", ("engine",)),
        Metric(
            "counter", "emo_hallo_cache_requests_total", "questions to the preprocessing cache", ("stage", "result")
        ),
        Metric("counter", "emo_hallo_webhook_tries_total", "tries to tell webhooks", ("result",)),
        Metric("gauge", "emo_hallo_gpu_memory_used_bytes", "as the driver sees it", ("gpu",)),
        Metric("gauge", "emo_hallo_gpu_memory_total_bytes", "the same card's whole memory", ("gpu",)),
    )
}


@cache
def instrument(name: str) -> Any:
    """The instrument of this process, by its name without `emo_hallo_`."""
    metric = METRICS[name]
    if metric.kind == "histogram":
        return metrics.Histogram(metric.name, metric.description, list(metric.boundaries), metric.tags)
    kind = metrics.Counter if metric.kind == "counter" else metrics.Gauge
    return kind(metric.name, metric.description, metric.tags)


class TaskMetrics:
    """`TaskObserver` over the instruments, and the gauges of the queue."""

    def __init__(self) -> None:
        self._refreshed_at = -REFRESH_S
        self._active: set[tuple[TaskStatus, str]] = set()

    def created(self, task: Task) -> None:
        instrument("tasks_created_total").inc(tags=_engine(task))
        self._active |= {(status, task.params.engine) for status in (TaskStatus.QUEUED, TaskStatus.PROCESSING)}

    def started(self, task: Task) -> None:
        assert task.started_at is not None
        instrument("wait_seconds").observe(task.started_at - task.created_at, tags=_engine(task))

    def attempt_failed(self, task: Task) -> None:
        instrument("attempts_failed_total").inc(tags=_engine(task))

    def ended(self, task: Task) -> None:
        engine = _engine(task)
        instrument("tasks_ended_total").inc(tags={**engine, "status": task.status.value})
        if task.result is None or task.finished_at is None or task.started_at is None:
            return
        duration_s, took_s = task.result["duration"], task.finished_at - task.started_at
        instrument("video_seconds_total").inc(duration_s, tags=engine)
        instrument("task_seconds").observe(took_s, tags=engine)
        instrument("real_time_factor").observe(took_s / duration_s, tags=engine)
        # Ray exports the sum of a histogram as of its buckets' middles: what is to be divided needs counters
        instrument("processing_seconds_total").inc(took_s, tags=engine)
        for stage, seconds in task.stage_seconds.items():
            instrument("stage_seconds").observe(seconds, tags={**engine, "stage": stage})
            instrument("stage_busy_seconds_total").inc(seconds, tags={**engine, "stage": stage})

    def delivery_tried(self, is_delivered: bool) -> None:
        instrument("webhook_tries_total").inc(tags={"result": "delivered" if is_delivered else "failed"})

    def refresh(self, tasks: TaskQueries) -> None:
        """Look at the queue, if the last look is some seconds ago."""
        if time.monotonic() - self._refreshed_at < REFRESH_S:
            return
        self._refreshed_at = time.monotonic()
        length, oldest = tasks.queue()
        instrument("queue_length").set(length)
        instrument("queue_oldest_age_seconds").set(0 if oldest is None else max(0.0, time.time() - oldest))
        active = tasks.active()
        self._active |= active.keys()  # what there was once is 0 from then on
        for status, engine in self._active:
            tags = {"engine": engine, "status": status.value}
            instrument("tasks_active").set(active.get((status, engine), 0), tags=tags)


def count_cache_use(stage: str, prepared: Prepared) -> None:
    """Whether the preprocessing cache had what a task needed."""
    if prepared.cache is not None:
        instrument("cache_requests_total").inc(tags={"stage": stage, "result": prepared.cache})


def show_gpu_memory(gpus: list[Gpu]) -> None:
    """How full the cards of this machine are."""
    for gpu in gpus:
        instrument("gpu_memory_used_bytes").set(gpu.memory_used_bytes, tags={"gpu": gpu.uuid})
        instrument("gpu_memory_total_bytes").set(gpu.memory_total_bytes, tags={"gpu": gpu.uuid})


def _engine(task: Task) -> dict[str, str]:
    return {"engine": task.params.engine}
