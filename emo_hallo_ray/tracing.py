"""Traces of tasks (OpenTelemetry), sent where an endpoint is configured; otherwise nothing of it is even imported."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from emo_hallo_ray import __version__
from emo_hallo_ray.errors import InvalidSettings
from emo_hallo_ray.pipeline import Reporter
from emo_hallo_ray.settings import TracingSettings
from emo_hallo_ray.tasks.model import Task

if TYPE_CHECKING:
    from opentelemetry.trace import Span

NANOSECONDS = 1_000_000_000


class Tracer:
    """One trace per attempt, with a span for each piece of work of a stage."""

    def __init__(self, settings: TracingSettings) -> None:
        """Connect, if anywhere.

        Raises:
            InvalidSettings: an endpoint is configured, but what talks to it is not installed.
        """
        self._provider = None
        if not settings.endpoint:
            return
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise InvalidSettings(
                "tracing.endpoint is set, but OpenTelemetry is not installed", "pip install 'emo-hallo-ray[tracing]'"
            ) from error
        about = {"service.name": settings.service_name, "service.version": __version__}
        self._provider = TracerProvider(resource=Resource.create(about))
        # sends in a thread of its own; while nobody receives, spans are dropped and nothing waits
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.endpoint)))

    @contextmanager
    def attempt(self, task: Task, report: Reporter) -> Iterator[Reporter]:
        """Trace an attempt: what its stages report becomes spans too."""
        if self._provider is None:
            yield report
            return
        attributes: dict[str, str | int] = {
            "emo_hallo.task_id": task.task_id,
            "emo_hallo.engine": task.params.engine,
            "emo_hallo.attempt": task.attempts,
            "emo_hallo.origin_request_id": task.request_id or "",
        }
        with self._provider.get_tracer("emo_hallo_ray").start_as_current_span("task", attributes=attributes) as span:
            yield TracingReporter(report, self, span)

    def add_span(self, parent: "Span", name: str, seconds: float) -> None:
        """A piece of work that has just ended."""
        from opentelemetry.trace import set_span_in_context

        assert self._provider is not None
        end_ns = time.time_ns()
        tracer = self._provider.get_tracer("emo_hallo_ray")
        context = set_span_in_context(parent)
        tracer.start_span(name, context, start_time=end_ns - int(seconds * NANOSECONDS)).end(end_ns)

    def close(self) -> None:
        """Send what is left."""
        if self._provider is not None:
            self._provider.shutdown()


class TracingReporter:
    """A reporter that makes spans of stage times, and passes everything on."""

    def __init__(self, report: Reporter, tracer: Tracer, span: "Span") -> None:
        self._report, self._tracer, self._span = report, tracer, span

    async def log(self, level: str, message: str) -> None:
        await self._report.log(level, message)

    async def progress(self, percent: int, message: str, frames_done: int, frames_total: int | None) -> None:
        await self._report.progress(percent, message, frames_done, frames_total)

    async def segment_done(self, index: int, name: str, frames_done: int) -> None:
        self._span.add_event("segment finished", {"emo_hallo.segment": index, "emo_hallo.frames_done": frames_done})
        await self._report.segment_done(index, name, frames_done)

    async def segments_lost(self, n_kept: int) -> None:
        await self._report.segments_lost(n_kept)

    async def stage_took(self, stage: str, seconds: float) -> None:
        self._tracer.add_span(self._span, stage, seconds)
        await self._report.stage_took(stage, seconds)
