"""The head of a cluster dies, and with it Ray's own state and the task registry; a new one takes its place."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from emo_hallo.client import Hallo2Client
from tests.chaos.cluster import ClusterArena, processes_of
from tests.chaos.plan import PlannedTask
from tests.chaos.test_takeover import assert_frames_of_a_quiet_day, submit
from tests.live_service import free_port, wait_until

LONG = PlannedTask("drifting", seed=5, upscale=1, n_clips=50)

pytestmark = [
    pytest.mark.serve,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs a Redis: apt-get install redis-server"),
]


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """An empty one on loopback; gives its address."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


class RedisArena(ClusterArena):
    """Ray's state lies in a Redis, as with KubeRay's `gcsFaultToleranceOptions`."""

    def __init__(self, folder: Path, redis: str) -> None:
        self._redis = redis
        super().__init__(folder)

    def _node_environ(self, name: str) -> dict[str, str]:
        return {"RAY_REDIS_ADDRESS": self._redis} if name == "head" else {}

    def replace_head(self) -> None:
        """Kill all of it at once, and start another one at the same address."""
        for pid in processes_of("head"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not processes_of("head"), 30, "the head is gone")
        self.start_head()


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisArena]:
    with redis_server(tmp_path_factory.mktemp("redis")) as redis:
        arena = RedisArena(tmp_path_factory.mktemp("headless"), redis)
        yield arena
        arena.kill_all()


@pytest.mark.timeout(300)
def test_the_service_outlives_its_head(arena: RedisArena, scratch: Path) -> None:
    with Hallo2Client(arena.service.base_url, max_retries=30) as client:
        task_id = submit(client, LONG, scratch)
        wait_until(lambda: (client.status(task_id).progress or 0) > 10, 60, "the task runs")

        killed_at = time.monotonic()
        arena.replace_head()
        task = client.wait(task_id, timeout_s=200)

        print(f"\ncompleted {time.monotonic() - killed_at:.0f} s after the head was killed, attempt {task.attempts}")
        assert task.status == "completed"
        assert_frames_of_a_quiet_day(client, task_id, scratch, LONG)
        assert client.wait(submit(client, LONG, scratch), timeout_s=100).status == "completed"
