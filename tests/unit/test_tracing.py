"""Spans of a real pipeline run, at a real OTLP receiver on loopback."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from emo_hallo_ray.pipeline import run_task
from emo_hallo_ray.settings import TracingSettings
from emo_hallo_ray.storage import TaskFiles
from emo_hallo_ray.tracing import Tracer
from tests.loopback import Quiet, serving
from tests.unit.test_pipeline import FakeStages, Recorder, make_task


@contextmanager
def collector() -> Iterator[tuple[str, list[Span]]]:
    """Its address, and the spans that it got."""
    spans: list[Span] = []

    class Handler(Quiet):
        def do_POST(self) -> None:
            message = ExportTraceServiceRequest()
            message.ParseFromString(self.body())
            spans.extend(
                span for resource in message.resource_spans for scope in resource.scope_spans for span in scope.spans
            )
            self.answer()

    with serving(Handler) as address:
        yield f"{address}/v1/traces", spans


def trace_a_run(folder: Path, endpoint: str) -> Recorder:
    recorder, tracer = Recorder(), Tracer(TracingSettings(endpoint=endpoint))
    task = replace(make_task((), 1), request_id="r-1")
    with tracer.attempt(task, recorder) as report:
        asyncio.run(run_task(task, TaskFiles(folder), FakeStages(), report, clips_per_segment=5))
    tracer.close()
    return recorder


def test_an_attempt_is_a_trace_with_a_span_for_each_piece_of_work(tmp_path: Path) -> None:
    with collector() as (endpoint, spans):
        recorder = trace_a_run(tmp_path, endpoint)

    [root] = [span for span in spans if span.name == "task"]
    children = [span for span in spans if span.name != "task"]
    attributes = {item.key: item.value.string_value or item.value.int_value for item in root.attributes}
    assert {span.trace_id for span in spans} == {root.trace_id}
    assert {span.parent_span_id for span in children} == {root.span_id}
    names = [span.name for span in children]
    assert {"preprocessing", "speech", "sound", "generation", "encoding", "joining"} == set(names) == recorder.stages
    assert names.count("generation") == 13  # one a clip
    assert names.count("encoding") == 3
    assert attributes["emo_hallo.task_id"] == make_task((), 1).task_id
    assert attributes["emo_hallo.origin_request_id"] == "r-1"
    assert [event.name for event in root.events] == ["segment finished"] * 3
    for span in children:
        assert root.start_time_unix_nano - 10**9 <= span.start_time_unix_nano <= span.end_time_unix_nano


def test_a_collector_that_is_away_stops_no_task(tmp_path: Path) -> None:
    recorder = trace_a_run(tmp_path, "http://127.0.0.1:9/v1/traces")

    assert len(recorder.segments) == 3


def test_without_an_endpoint_nothing_is_imported(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from emo_hallo_ray.settings import TracingSettings\n"
        "from emo_hallo_ray.tracing import Tracer\n"
        "Tracer(TracingSettings())\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"
