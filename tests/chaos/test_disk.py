"""The disk fills up, becomes read-only or loses a page while tasks run: they wait, people are told, nothing is lost."""

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from emo_hallo.client import Hallo2Client
from emo_hallo_ray.tasks.repair import is_sound
from tests.chaos.disk import full, read_only, small_disk
from tests.chaos.plan import PlannedTask
from tests.chaos.run import Arena
from tests.chaos.test_takeover import assert_frames_of_a_quiet_day, submit
from tests.e2e.conftest import PORTRAIT
from tests.live_service import ROOT, wait_until

LONG = PlannedTask("drifting", seed=3, upscale=1, n_clips=20)
SHORT = PlannedTask("drifting", seed=2, upscale=1, n_clips=5)


@pytest.fixture(scope="module")
def cramped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """A service whose storage is a small disk of its own."""
    folder = tmp_path_factory.mktemp("cramped")
    with small_disk(folder / "storage"):
        arena = Arena(folder, {"storage__min_free_bytes": "1000000"})
        yield arena
        arena.kill_all()


@pytest.fixture
def client(cramped: Arena) -> Iterator[Hallo2Client]:
    with Hallo2Client(cramped.service.base_url, max_retries=10) as client:
        yield client


def start_and_wait_for_a_segment(cramped: Arena, client: Hallo2Client, scratch: Path) -> str:
    task_id = submit(client, LONG, scratch)
    segments = cramped.service.storage / "tasks" / task_id / "segments"
    wait_until(lambda: any(segments.glob("[0-9]*.mp4")), 60, "a segment is finished")
    return task_id


def refusal(cramped: Arena) -> httpx.Response:
    files = {"image_file": PORTRAIT.read_bytes(), "audio_file": b"RIFF" + bytes(1000)}
    return httpx.post(f"{cramped.service.base_url}/api/v1/inference/hallo2", files=files, timeout=60)


def test_while_the_disk_is_full_tasks_wait_and_afterwards_they_go_on(
    cramped: Arena, client: Hallo2Client, scratch: Path
) -> None:
    running = start_and_wait_for_a_segment(cramped, client, scratch)
    queued = submit(client, SHORT, scratch)

    with full(cramped.service.storage):
        answer = refusal(cramped)
        log = cramped.service.log
        wait_until(lambda: "The storage is full" in log.read_text(errors="replace"), 30, "the log says why")
        during = client.status(running)

    assert (answer.status_code, answer.json()["error_code"]) == (503, "STORAGE_UNAVAILABLE")
    assert "MB left" in answer.json()["detail"]
    assert during.status in ("queued", "processing")
    for task_id, planned in ((running, LONG), (queued, SHORT)):
        assert client.wait(task_id, timeout_s=90).status == "completed"
        assert_frames_of_a_quiet_day(client, task_id, scratch, planned)


def test_while_the_storage_is_read_only_tasks_wait_with_a_reason_and_cost_no_attempt(
    cramped: Arena, client: Hallo2Client, scratch: Path
) -> None:
    running = start_and_wait_for_a_segment(cramped, client, scratch)

    with read_only(cramped.service.storage / "tasks"):
        wait_until(
            lambda: client.status(running).status_message.startswith("Waiting: The storage is"), 30, "the task says why"
        )
        answer = refusal(cramped)

    assert answer.status_code == 503
    assert answer.json()["detail"] == "The storage is read-only"
    task = client.wait(running, timeout_s=90)
    assert task.attempts == 1
    assert_frames_of_a_quiet_day(client, running, scratch, LONG)


@pytest.mark.slow
def test_a_damaged_database_is_named_and_repaired_without_losing_a_task(
    cramped: Arena, client: Hallo2Client, scratch: Path
) -> None:
    running = start_and_wait_for_a_segment(cramped, client, scratch)
    task_ids = {task.task_id for task in client.tasks()}
    cramped.kill_all()
    damage_every_second_page(cramped.service.storage / "tasks.sqlite")

    cramped.start_again(expected_status=503)
    answer = httpx.get(f"{cramped.service.base_url}/health", timeout=30)
    assert answer.status_code == 503
    assert answer.json()["error_code"] == "DATABASE_DAMAGED"
    assert "emo-hallo repair" in answer.json()["hint"]
    cramped.kill_all()

    environ = os.environ | {"EMO_HALLO_STORAGE__ROOT": str(cramped.service.storage)}
    command = [sys.executable, "-m", "emo_hallo_ray.cli", "repair"]
    said = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=True).stdout

    assert "queued again from their folders" in said
    cramped.start_again()
    with Hallo2Client(cramped.service.base_url, max_retries=10) as client:
        assert {task.task_id for task in client.tasks()} == task_ids
        client.wait(running, timeout_s=120)
        assert_frames_of_a_quiet_day(client, running, scratch, LONG)


def damage_every_second_page(path: Path) -> None:
    dice = random.Random(1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else the pages lie beside the file
    with path.open("r+b") as file:
        n_pages = path.stat().st_size // 4096
        for page in range(1, n_pages, 2):
            file.seek(page * 4096)
            file.write(dice.randbytes(4096))
    assert not is_sound(path)
