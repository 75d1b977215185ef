"""Carries out one plan against a live service and says what came of it."""

import contextlib
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import httpx

from tests.chaos.engine import EXTRA
from tests.chaos.plan import WHOLE_SERVICE, Fault, Plan, PlannedTask
from tests.chaos.undisturbed import FRAME_PX, frames_digest, quiet_frames, speech_of
from tests.chaos.witness import TERMINAL, Witness, wait_for
from tests.e2e.conftest import PORTRAIT
from tests.live_service import ROOT, LiveService, processes, start

RUN_TIMEOUT_S = 150.0
WEBHOOK_SECRET = b"s3cret"
SETTINGS = {
    "tasks__lease_s": "3",
    "tasks__heartbeat_s": "0.5",
    "tasks__max_concurrent": "2",
    "video__frame_px": str(FRAME_PX),
    "video__clips_per_segment": "1",
    "webhooks__allow_private_addresses": "true",
    "webhooks__secret": WEBHOOK_SECRET.decode(),
    "webhooks__first_retry_s": "3",
    "engine__extra": str(EXTRA).replace("'", '"'),
}


@dataclass
class Outcome:
    """A row of the table of runs."""

    seed: int
    faults: str
    fired: bool
    n_tasks: int = 0
    completed: int = 0
    cancelled: int = 0
    attempts: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)


class Arena:
    """A service on one storage, which is started again when a plan killed all of it."""

    args: Mapping[str, object] = MappingProxyType({})
    deployments: Sequence[dict[str, object]] = ()

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.faults = folder / "faults"
        self.faults.mkdir(parents=True, exist_ok=True)
        self._settings = SETTINGS | (settings or {})
        self.service = self._start()

    def _start(self, expected_status: int = 200) -> LiveService:
        return start(
            self.folder,
            self.folder / "storage",
            environ=self._service_environ(),
            settings=self._settings,
            expected_status=expected_status,
            args=self.args,
            deployments=self.deployments,
        )

    def _service_environ(self) -> dict[str, str]:
        return {
            "PYTHONPATH": f"{ROOT / 'tests' / 'chaos' / 'faults'}:{ROOT}",
            "CHAOS_FOLDER": str(self.faults),
        }

    def kill_all(self) -> None:
        if self.service.process.poll() is None:
            self.service.kill()

    def start_again(self, expected_status: int = 200) -> None:
        self.service = self._start(expected_status)

    def kill_one(self, victim: str) -> bool:
        pids = [pid for pid, name in processes(self.service).items() if name.startswith("ray::") and victim in name]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(pids)

    @contextmanager
    def armed(self, faults: tuple[Fault, ...]) -> Iterator[Callable[[], bool]]:
        """Faults at points, waiting to be reached; the context gives a function that tells whether all were."""
        points = [fault for fault in faults if fault.point]
        for name in ("armed", "hits", "fired"):
            (self.faults / name).unlink(missing_ok=True)
        for fault in points[:1]:  # one at a time is all that the file holds
            (self.faults / "armed.new").write_text(f"{fault.point} {fault.nth}")
            (self.faults / "armed.new").rename(self.faults / "armed")
        try:
            yield lambda: not points or (self.faults / "fired").exists()
        finally:
            (self.faults / "armed").unlink(missing_ok=True)


def run(plan: Plan, arena: Arena, scratch: Path) -> Outcome:
    """Submit the plan's tasks, let its faults happen, wait for the end and look at everything."""
    started = time.monotonic()
    expected = [quiet_frames(task, scratch) for task in plan.tasks]
    outcome = Outcome(plan.seed, " + ".join(map(str, plan.faults)), fired=False)
    with arena.armed(plan.faults) as all_fired:
        witness = Witness(arena.service)
        killer = _Killer(arena, plan.faults, witness)
        task_ids = [_submit(arena, task, scratch) for task in plan.tasks]
        witness.task_ids += task_ids
        cancelled = [
            _Canceller(arena, task_id, task.cancel_after_s) for task_id, task in zip(task_ids, plan.tasks, strict=True)
        ]
        killer.join()
        over = wait_for(witness.all_over, RUN_TIMEOUT_S)
        is_cancelled = [canceller.result() for canceller in cancelled]
        witness.stop()
        outcome.fired = all_fired() and killer.struck
    outcome.violations = witness.violations
    if not over:
        states = {task_id: witness.last.get(task_id, {}).get("status") for task_id in task_ids}
        outcome.violations.append(f"not over after {RUN_TIMEOUT_S:g} s: {states}")
    for task_id, frames, was_cancelled in zip(task_ids, expected, is_cancelled, strict=True):
        outcome.violations += _check(arena, task_id, frames, was_cancelled)
    outcome.violations += _check_count(arena, task_ids)
    statuses = [witness.last.get(task_id, {}).get("status") for task_id in task_ids]
    outcome.n_tasks = len(task_ids)
    outcome.completed, outcome.cancelled = statuses.count("completed"), statuses.count("cancelled")
    outcome.attempts = sum(witness.last.get(task_id, {}).get("attempts", 0) for task_id in task_ids)
    outcome.seconds = round(time.monotonic() - started, 1)
    return outcome


class _Killer(threading.Thread):
    """Carries out the faults that have a time."""

    def __init__(self, arena: Arena, faults: tuple[Fault, ...], witness: Witness) -> None:
        super().__init__(daemon=True)
        self._arena, self._witness = arena, witness
        self._faults = sorted((fault for fault in faults if fault.victim), key=lambda fault: fault.after_s)
        self.struck = True
        self.start()

    def run(self) -> None:
        began = time.monotonic()
        for fault in self._faults:
            time.sleep(max(0.0, began + fault.after_s - time.monotonic()))
            if fault.victim == WHOLE_SERVICE:
                self._arena.kill_all()
                self._arena.start_again()
                self._witness.service = self._arena.service
            else:
                assert fault.victim is not None
                self.struck &= self._arena.kill_one(fault.victim)


class _Canceller(threading.Thread):
    """Cancels a task after a while and insists on an answer."""

    def __init__(self, arena: Arena, task_id: str, after_s: float | None) -> None:
        super().__init__(daemon=True)
        self._arena, self._task_id, self._after_s = arena, task_id, after_s
        self._was_cancelled = False
        self.start()

    def run(self) -> None:
        if self._after_s is None:
            return
        time.sleep(self._after_s)
        answer = _insist(
            lambda http: http.delete(
                f"{self._arena.service.base_url}/api/v1/tasks/{self._task_id}", params={"force": "true"}
            )
        )
        # 400 may be the answer to a second try: the first one may have worked, and then the task says so
        self._was_cancelled = answer.status_code == 200

    def result(self) -> bool:
        self.join()
        return self._was_cancelled


def _submit(arena: Arena, task: PlannedTask, scratch: Path) -> str:
    """Create a task, insisting as a client with an idempotency key may."""
    key = str(uuid.uuid4())
    image, audio = PORTRAIT.read_bytes(), speech_of(task.n_clips, scratch).read_bytes()
    fields = {"engine": task.engine, "seed": str(task.seed), "upscale": str(task.upscale)}
    answer = _insist(
        lambda http: http.post(
            f"{arena.service.base_url}/api/v1/inference/hallo2",
            files={"image_file": ("face.jpg", image), "audio_file": ("speech.wav", audio)},
            data=fields,
            headers={"Idempotency-Key": key},
        )
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["task_id"])


def _insist(request: Callable[[httpx.Client], httpx.Response]) -> httpx.Response:
    deadline = time.monotonic() + 90
    while True:
        try:
            with httpx.Client(timeout=30) as http:
                answer = request(http)
            no_route = answer.status_code == 404 and "error_code" not in answer.text
            if answer.status_code < 500 and not no_route:
                return answer
            problem = f"{answer.status_code}: {answer.text[:300]}"
        except httpx.HTTPError as error:
            problem = repr(error)
        assert time.monotonic() < deadline, f"no answer for 90 s; the last one: {problem}"
        time.sleep(0.3)


def _check(arena: Arena, task_id: str, frames: str, was_cancelled: bool) -> list[str]:
    """How one task must have ended, from the API and from the disk."""
    api = f"{arena.service.base_url}/api/v1/tasks/{task_id}"
    task = _insist(lambda http: http.get(api)).json()
    if task["status"] not in TERMINAL:
        return [f"{task_id} is {task['status']}"]
    if task["status"] == "cancelled":
        return []
    if was_cancelled:
        return [f"{task_id} was cancelled and is {task['status']}"]
    if task["status"] == "failed":
        log = _insist(lambda http: http.get(f"{api}/logs")).json()["logs"]
        return [f"{task_id} failed: {task['error']}\n{log}"]
    problems = []
    events = _insist(lambda http: http.get(f"{api}/events")).text
    if events.count('"status": "completed"') != 1:
        problems.append(f"{task_id} completed {events.count('completed')} times")
    video = arena.folder / "download.mp4"
    video.write_bytes(_insist(lambda http: http.get(f"{api}/video")).content)
    if (found := frames_digest(video)) != frames:
        problems.append(f"{task_id} has other frames than on a quiet day: {found} for {frames}")
    return problems


def _check_count(arena: Arena, task_ids: list[str]) -> list[str]:
    """No task twice: the newest tasks are exactly those that were asked for."""
    newest = _insist(
        lambda http: http.get(f"{arena.service.base_url}/api/v1/tasks", params={"limit": len(task_ids)})
    ).json()["tasks"]
    return [] if set(newest) == set(task_ids) else [f"the newest tasks are {sorted(newest)}, not {sorted(task_ids)}"]
