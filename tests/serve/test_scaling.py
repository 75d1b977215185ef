"""The service on a cluster of GPU machines that pretend: where its stages go, and what more machines bring.

The figures of docs/SCALING.md: `pytest tests/serve/test_scaling.py -s`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from emo_hallo.client import Hallo2Client
from tests.chaos.cluster import ClusterArena
from tests.chaos.undisturbed import speech_of
from tests.e2e.conftest import PORTRAIT
from tests.live_service import free_port, wait_until
from tests.serve.sleeping_engine import CLIP_S, EXTRA

MODEL_STAGES = ("AudioEmbedder", "Generator", "SuperResolver")
N_CLIPS = 5
N_TASKS = 6
LEAST_GAIN = 1.8  # of a second generator
SCALING = {
    "min_replicas": 0,
    "max_replicas": 2,
    "target_ongoing_requests": 1,
    "upscale_delay_s": 1,
    "downscale_delay_s": 3,
    "downscale_to_zero_delay_s": 3,
    "metrics_interval_s": 0.5,
    "look_back_period_s": 2,
}

pytestmark = [pytest.mark.serve, pytest.mark.timeout(300)]


class GpuArena(ClusterArena):
    """A head without work, and workers that say they have a GPU."""

    n_workers = 1
    worker_options = ("--num-cpus=2", "--num-gpus=1")

    def __init__(self, folder: Path) -> None:
        self.dashboard = f"http://127.0.0.1:{(port := free_port())}"
        self.head_options = ("--num-cpus=0", "--dashboard-host=127.0.0.1", f"--dashboard-port={port}")
        self.args = {
            "resources": {"gpu": "on"},
            "engine": {"extra": EXTRA},
            "tasks": {"max_concurrent": 4},
            "video": {"frame_px": 256, "clips_per_segment": N_CLIPS},
        }
        super().__init__(folder)

    def deploy(self, **generator: object) -> None:
        """As an operator changes how widely a stage runs: nothing else is started anew."""
        path = self.service.log.parent / "serve_config.yaml"
        config = yaml.safe_load(path.read_text())
        config["applications"][0]["deployments"] = [{"name": "Generator", **generator}]
        path.write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "ray.serve.scripts", "deploy", "--address", self.dashboard, str(path)]
        environ = os.environ | {"RAY_AUTH_MODE": "disabled"}
        subprocess.run(command, env=environ, check=True, capture_output=True, timeout=60)

    def n_generators(self) -> int:
        """Replicas that run, by the service's own word."""
        stages = httpx.get(f"{self.service.base_url}/api/v1/health", timeout=10).json().get("stages", {})
        return int(stages.get("Generator", 0))

    def places(self) -> dict[str, list[dict[str, Any]]]:
        """Node and share of a GPU of each running replica, by the stage."""
        answer = httpx.get(f"{self.dashboard}/api/v0/actors", params={"detail": True, "limit": 1000}, timeout=30)
        found: dict[str, list[dict[str, Any]]] = {}
        for actor in answer.json()["data"]["result"]["result"]:
            kind, _, stage = actor["class_name"].rpartition(":")
            if actor["state"] == "ALIVE" and kind.startswith("ServeReplica"):
                share = (actor["required_resources"] or {}).get("GPU", 0)
                found.setdefault(stage, []).append({"node": actor["node_id"], "share": share})
        return found


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpuArena]:
    arena = GpuArena(tmp_path_factory.mktemp("gpus"))
    yield arena
    arena.kill_all()


@pytest.fixture
def client(arena: GpuArena) -> Iterator[Hallo2Client]:
    with Hallo2Client(arena.service.base_url, max_retries=10) as client:
        yield client


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return speech_of(N_CLIPS, tmp_path_factory.mktemp("speech"))


def submit(client: Hallo2Client, speech: Path, n_tasks: int) -> list[str]:
    return [client.inference(image_path=PORTRAIT, audio_path=speech, engine="sleeping") for _ in range(n_tasks)]


def tasks_per_second(client: Hallo2Client, speech: Path, n_generators: int) -> float:
    """Throughput while all generators are busy: from when each has ended its first task to the last task's end."""
    waiting, ends = set(submit(client, speech, N_TASKS)), []
    while waiting:
        ended = {task_id for task_id in waiting if client.status(task_id).status == "completed"}
        ends += [time.monotonic()] * len(ended)
        waiting -= ended
        time.sleep(0.05)
    return (N_TASKS - n_generators) / (ends[-1] - ends[n_generators - 1])


def test_one_gpu_hosts_the_three_model_stages(arena: GpuArena) -> None:
    places = arena.places()

    on_gpu = [place for stage in MODEL_STAGES for place in places[stage]]
    assert len({place["node"] for place in on_gpu}) == 1
    assert sum(place["share"] for place in on_gpu) == pytest.approx(1)
    assert not any(place["share"] for stage in places.keys() - set(MODEL_STAGES) for place in places[stage])


def test_a_second_generator_brings_nearly_twice_as_much(arena: GpuArena, client: Hallo2Client, speech: Path) -> None:
    submit(client, speech, 1)  # for the cache
    one = tasks_per_second(client, speech, 1)
    arena.add_worker()
    arena.deploy(num_replicas=2)
    wait_until(lambda: arena.n_generators() == 2, 60, "two generators run")
    two = tasks_per_second(client, speech, 2)

    busy = one * N_CLIPS * CLIP_S
    print(f"\n{one:.3f} and {two:.3f} tasks a second: {two / one:.2f} times; one generator was busy for {busy:.0%}")
    assert two / one >= LEAST_GAIN
    nodes = {place["node"] for place in arena.places()["Generator"]}
    assert len(nodes) == 2, "the first GPU is full"


def test_generators_come_with_work_from_none_and_go_without_a_task_lost(
    arena: GpuArena, client: Hallo2Client, speech: Path, tmp_path: Path
) -> None:
    arena.deploy(autoscaling_config=SCALING)
    wait_until(lambda: arena.n_generators() == 0, 60, "no generator is left")
    assert httpx.get(f"{arena.service.base_url}/api/v1/health").json()["status"] == "healthy"

    task_ids = submit(client, speech, N_TASKS)
    wait_until(lambda: arena.n_generators() == 2, 60, "a second generator came")
    tasks = [client.wait(task_id, timeout_s=120) for task_id in task_ids]
    late = submit(client, speech_of(4 * N_CLIPS, tmp_path), 1)  # it runs while the other generator goes
    wait_until(lambda: arena.n_generators() == 1, 60, "the second generator went")

    tasks.append(client.wait(late[0], timeout_s=60))
    assert {(task.status, task.attempts) for task in tasks} == {("completed", 1)}
    wait_until(lambda: arena.n_generators() == 0, 60, "the last generator went")
