"""Watches a run from outside, as clients and a disk would see it, and remembers everything that must never be."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.live_service import LiveService

PERIOD_S = 0.1
TERMINAL = ("completed", "failed", "cancelled")


@dataclass
class Witness:
    """Polls tasks and folders in a thread of its own until `stop`.

    Attributes:
        violations: sentences; empty after a good run.
        last: each task as it was seen last.
    """

    service: LiveService
    task_ids: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    last: dict[str, dict] = field(default_factory=dict)
    _files: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def all_over(self) -> bool:
        return all(self.last.get(task_id, {}).get("status") in TERMINAL for task_id in self.task_ids)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
        self._look_at_files()
        for path, identity in self._files.items():
            if _identity(path) not in (identity, None):
                self.violations.append(f"{path.parent.name}/{path.name} changed after it was visible")

    def _watch(self) -> None:
        with httpx.Client(timeout=10) as http:
            while not self._stopped.wait(PERIOD_S):
                for task_id in list(self.task_ids):
                    self._look_at(http, task_id)
                self._look_at_files()

    def _look_at(self, http: httpx.Client, task_id: str) -> None:
        try:
            answer = http.get(f"{self.service.base_url}/api/v1/tasks/{task_id}")
        except httpx.HTTPError:  # a proxy or the whole service is dead just now
            return
        if answer.status_code in (500, 502, 503, 504):
            return
        if answer.status_code == 404 and answer.json().get("error_code") != "TASK_NOT_FOUND":
            return  # while no replica is alive, the proxy knows no routes
        if answer.status_code != 200:
            self.violations.append(f"accepted task {task_id} answered {answer.status_code}: {answer.text[:200]}")
            return
        task, before = answer.json(), self.last.get(task_id)
        if before is not None:
            if task["progress"] < before["progress"]:
                self.violations.append(f"progress went from {before['progress']} to {task['progress']}")
            if before["status"] in TERMINAL and task["status"] != before["status"]:
                self.violations.append(f"{before['status']} became {task['status']}")
        self.last[task_id] = task

    def _look_at_files(self) -> None:
        """What is visible under its final name must be whole, so it may never change."""
        for task_id in list(self.task_ids):
            folder = self.service.storage / "tasks" / task_id
            visible = [
                *folder.glob("result-*.mp4"),
                *folder.glob("segments/[0-9]*"),
                *folder.glob("checkpoints/[0-9]*"),
            ]
            for path in visible:
                identity = _identity(path)
                if identity is not None and self._files.setdefault(path, identity) != identity:
                    self.violations.append(f"{path.parent.name}/{path.name} changed after it was visible")
                    self._files[path] = identity


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size


def wait_for(condition, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
