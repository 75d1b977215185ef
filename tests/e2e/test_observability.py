"""What an operator sees: metrics at Ray's Prometheus endpoint, JSON logs, traces. One service of its own."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

from deployments.metrics import METRICS
from emo_hallo.client import Hallo2Client
from tests.e2e.conftest import PORTRAIT, SPEECH, cut_speech
from tests.live_service import LiveService, live_service, ray_session, wait_until
from tests.unit.test_tracing import collector

PATIENCE_S = 60.0  # spans go out every five seconds, gauges are looked at as often
GPU_ONLY = {"gpu_memory_used_bytes", "gpu_memory_total_bytes"}
UNSEEN = {"attempts_failed_total", "webhook_tries_total"}  # nothing of the kind happens here


@dataclass
class Watched:
    """A service after two equal tasks, their ids, and the spans that arrive from it."""

    service: LiveService
    ids: list[str]
    spans: list[Span]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    speech = cut_speech(SPEECH, folder / "speech.wav", seconds=1.5)
    with collector() as (endpoint, spans):
        settings = {"logging__format": "json", "tracing__endpoint": endpoint}
        with live_service(folder, settings=settings) as service, Hallo2Client(service.base_url) as client:
            ids = [client.inference(PORTRAIT, speech) for _ in range(2)]
            for task_id in ids:
                client.wait(task_id)
            yield Watched(service, ids, spans)


def scrape(service: LiveService) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Every sample of ours, by its name."""
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    discovery = json.loads((ray_session(service) / "prom_metrics_service_discovery.json").read_text())
    for target in discovery[0]["targets"]:
        for family in text_string_to_metric_families(httpx.get(f"http://{target}/metrics", timeout=30).text):
            for sample in family.samples:
                if sample.name.startswith("ray_emo_hallo_"):
                    name = sample.name.removeprefix("ray_emo_hallo_")
                    samples.setdefault(name, []).append((sample.labels, sample.value))
    return samples


def test_everything_of_the_table_is_there(watched: Watched) -> None:
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}

    def total(name: str, **labels: str) -> float:
        return sum(value for found, value in samples.get(name, []) if labels.items() <= found.items())

    def is_complete() -> bool:
        with contextlib.suppress(httpx.TransportError):  # an agent that is just busy
            samples.update(scrape(watched.service))
        exported = {name.removesuffix("_bucket") for name in samples}
        # each process exports in its own time
        ended = total("tasks_ended_total", engine="preview", status="completed")
        prepared = total("cache_requests_total", stage="preprocessing")
        is_all_there = METRICS.keys() - GPU_ONLY - UNSEEN <= exported
        return is_all_there and ended == prepared == 2 and total("tasks_active") == 0

    wait_until(is_complete, PATIENCE_S, "every metric was exported")
    assert total("tasks_created_total", engine="preview") == 2
    assert total("cache_requests_total", stage="preprocessing", result="miss") == 1
    assert total("cache_requests_total", stage="preprocessing", result="hit") == 1
    assert total("queue_length") == 0
    assert total("video_seconds_total") == pytest.approx(3.0, abs=0.2)
    assert total("real_time_factor_count") == 2
    assert 0 < total("stage_busy_seconds_total", stage="generation") < total("processing_seconds_total")


def test_every_line_of_the_log_is_an_object_that_says_what_it_is_about(watched: Watched) -> None:
    lines = [
        json.loads(line)
        for path in (ray_session(watched.service) / "logs" / "serve").glob("replica_*.log")
        for line in path.read_text().splitlines()
    ]

    about = [line for line in lines if line.get("task") == watched.ids[0]]
    accepted = next(line for line in about if "accepted" in line["message"])
    completed = next(line for line in about if "completed" in line["message"])
    assert len(lines) > 10
    assert accepted["request_id"] == completed["origin_request_id"]
    assert {line["levelname"] for line in lines} <= {"INFO", "WARNING"}


def test_each_task_is_a_trace(watched: Watched) -> None:
    def names() -> list[str]:
        return [span.name for span in watched.spans]

    wait_until(lambda: names().count("task") == 2, PATIENCE_S, "both traces came")

    assert names().count("joining") == 2
    assert names().count("generation") == 6
