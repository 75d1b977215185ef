"""The three promises of a checkpoint contract: an attempt may die after any write, and the next one takes over.

In the terms of Ray Serve's page on asynchronous inference: an attempt holds a fence, leaves checkpoints, and
acknowledges its result; writes with an older fence are refused.
"""

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from emo_hallo.client import Hallo2Client
from tests.chaos.plan import Fault, PlannedTask
from tests.chaos.run import Arena
from tests.chaos.undisturbed import frames_digest, quiet_frames, speech_of
from tests.e2e.conftest import PORTRAIT
from tests.live_service import processes, wait_until

TASK = PlannedTask("drifting", seed=2, upscale=1, n_clips=5)


@pytest.fixture
def client(arena: Arena):
    with Hallo2Client(arena.service.base_url, max_retries=10) as client:
        yield client


def submit(client: Hallo2Client, task: PlannedTask, scratch: Path) -> str:
    options = {"engine": task.engine, "seed": task.seed, "upscale": task.upscale}
    return client.inference(image_path=PORTRAIT, audio_path=speech_of(task.n_clips, scratch), **options)


def assert_frames_of_a_quiet_day(client: Hallo2Client, task_id: str, scratch: Path, task: PlannedTask = TASK) -> None:
    client.download(task_id, scratch / "out.mp4")
    assert frames_digest(scratch / "out.mp4") == quiet_frames(task, scratch)


def test_a_worker_that_dies_after_a_checkpoint_costs_no_finished_segment(
    arena: Arena, client: Hallo2Client, scratch: Path
) -> None:
    with arena.armed((Fault(point="call.commit_segment:after", nth=3),)) as fired:
        task_id = submit(client, TASK, scratch)
        task = client.wait(task_id, timeout_s=60)
        assert fired()

    log = client.logs(task_id)
    assert task.attempts == 2
    assert "resuming after segment 3" in log
    assert log.count("segment 2 finished") == log.count("segment 3 finished") == 1
    assert_frames_of_a_quiet_day(client, task_id, scratch)


def test_a_worker_that_dies_after_the_result_and_before_its_acknowledgement_completes_once(
    arena: Arena, client: Hallo2Client, scratch: Path
) -> None:
    with arena.armed((Fault(point="call.complete:before"),)) as fired:
        task_id = submit(client, TASK, scratch)
        task = client.wait(task_id, timeout_s=60)
        assert fired()

    folder = arena.service.storage / "tasks" / task_id
    assert task.attempts == 2
    assert {path.name for path in folder.glob("result-*.mp4")} == {"result-1.mp4", "result-2.mp4"}
    assert client.logs(task_id).count("completed") == 1
    assert_frames_of_a_quiet_day(client, task_id, scratch)


def test_what_the_old_attempt_still_writes_after_a_takeover_is_refused(
    arena: Arena, client: Hallo2Client, scratch: Path
) -> None:
    """Frozen for longer than its lease while it generates, as by a long pause of a virtual machine."""
    long = PlannedTask("drifting", seed=3, upscale=1, n_clips=20)
    task_id = submit(client, long, scratch)
    folder = arena.service.storage / "tasks" / task_id
    wait_until(lambda: len([*folder.glob("segments/[0-9]*.mp4")]) >= 2, 60, "two segments are finished")
    [ingress] = [
        pid for pid, name in processes(arena.service).items() if name.startswith("ray::") and "Ingress" in name
    ]

    os.kill(ingress, signal.SIGSTOP)
    time.sleep(4.5)  # the lease is 3 s
    os.kill(ingress, signal.SIGCONT)  # it claims the task anew, while its old attempt still runs

    task = client.wait(task_id, timeout_s=90)
    log = client.logs(task_id)
    assert task.attempts == 2
    assert "lease ran out" in log
    wait_until(lambda: "lost its lease and stopped" in arena.service.log.read_text(errors="replace"), 10, "it was told")
    names = [path.name for path in sorted(folder.glob("segments/[0-9]*.mp4"))]
    assert names == sorted(set(names))
    assert log.count("completed") == 1
    assert_frames_of_a_quiet_day(client, task_id, scratch, long)


def test_a_poison_task_fails_with_a_reason_and_those_beside_it_finish(
    arena: Arena, client: Hallo2Client, scratch: Path
) -> None:
    poison = submit(client, PlannedTask("poison", 1, 1, 5), scratch)
    others = [submit(client, TASK, scratch) for _ in range(3)]

    wait_until(lambda: client.status(poison).status == "failed", 120, "the poison task failed")
    failed = client.status(poison)
    finished = [client.wait(task_id, timeout_s=120) for task_id in others]

    assert failed.status == "failed"
    assert failed.attempts == 3
    assert failed.error == "a stage of the service failed unexpectedly"
    assert "2 of 3 without getting further" in client.logs(poison)
    assert [task.status for task in finished] == ["completed"] * 3
    assert all(task.attempts <= 2 for task in finished)
    for task_id in others:
        assert_frames_of_a_quiet_day(client, task_id, scratch)


def test_sigterm_gives_the_running_task_back_and_leaves_within_the_grace_period(
    arena: Arena, client: Hallo2Client, scratch: Path
) -> None:
    long = PlannedTask("drifting", seed=3, upscale=1, n_clips=20)
    running, queued = (submit(client, long, scratch) for _ in range(2))
    folder = arena.service.storage / "tasks" / running
    wait_until(lambda: len([*folder.glob("segments/[0-9]*.mp4")]) >= 2, 60, "two segments are finished")

    started = time.monotonic()
    arena.service.process.send_signal(signal.SIGTERM)
    assert arena.service.process.wait(30) == 0
    took_s = time.monotonic() - started
    arena.start_again()

    assert took_s < 20, "the deployment's graceful_shutdown_timeout_s"
    with Hallo2Client(arena.service.base_url, max_retries=10) as client:
        tasks = [client.wait(task_id, timeout_s=90) for task_id in (running, queued)]
        assert "given back to the queue: its runner stopped" in client.logs(running)
        assert [task.attempts for task in tasks] == [1, 1]
        assert_frames_of_a_quiet_day(client, running, scratch, long)


def test_liveness_does_not_depend_on_a_busy_model(arena: Arena, scratch: Path) -> None:
    with Hallo2Client(arena.service.base_url, max_retries=10) as client, httpx.Client(timeout=10) as http:
        busy = [submit(client, PlannedTask("preview", seed, 2, 40), scratch) for seed in (1, 2)]
        wait_until(lambda: client.status(busy[0]).progress > 5, 60, "frames are made")

        seconds = []
        for _ in range(40):
            started = time.monotonic()
            assert http.get(f"{arena.service.base_url}/health").status_code == 200
            seconds.append(time.monotonic() - started)
            time.sleep(0.05)

        assert sorted(seconds)[int(0.95 * len(seconds))] < 1.0
        for task_id in busy:
            client.cancel(task_id, force=True)
