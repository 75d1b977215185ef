"""What is counted, over a real task store; Ray's instruments are watched, not replaced by numbers of our own."""

import re
from pathlib import Path
from typing import Any

import pytest

from deployments import metrics
from deployments.metrics import METRICS, TaskMetrics
from emo_hallo_ray.tasks.model import NewTask, TaskParams
from emo_hallo_ray.tasks.store import StoreLimits, TaskStore

OPERATIONS = (Path(__file__).parents[3] / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")


class Tape:
    """Writes down what an instrument is told."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self._name, self._lines = name, lines

    def inc(self, value: float = 1, tags: dict[str, str] | None = None) -> None:
        self._lines.append(f"{self._name} {' '.join((tags or {}).values())} +{value:g}")

    def observe(self, value: float, tags: dict[str, str] | None = None) -> None:
        self._lines.append(f"{self._name} {' '.join((tags or {}).values())} {value:g}")

    set = observe


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(metrics, "instrument", lambda name: Tape(name, lines))
    return lines


class World:
    def __init__(self, path: Path) -> None:
        self.now = 100.0
        self.metrics = TaskMetrics()
        self.store = TaskStore(
            path, StoreLimits(max_attempts=2), lambda: self.now, lambda: self.now, observer=self.metrics
        )

    def create(self, number: int = 1) -> None:
        task_id = f"{number:08d}-0000-4000-8000-000000000000"
        self.store.create(NewTask(task_id, TaskParams(), "asked for", idempotency_key=str(number)))

    def claim(self) -> Any:
        task = self.store.claim_next()
        assert task is not None
        return task


def test_a_completed_task_is_counted_once_with_all_its_times(tmp_path: Path, tape: list[str]) -> None:
    world = World(tmp_path / "tasks.sqlite")
    for _ in range(2):  # a repeated request is no second task
        world.create()
    world.now += 5
    task = world.claim()
    world.store.add_stage_seconds(task.task_id, task.fence, "generation", 6.0)
    world.now += 8
    for _ in range(2):  # the answer to the first call may have been lost
        world.store.complete(task.task_id, task.fence, {"duration": 4.0})

    assert tape == [
        "tasks_created_total preview +1",
        "wait_seconds preview 5",
        "tasks_ended_total preview completed +1",
        "video_seconds_total preview +4",
        "task_seconds preview 8",
        "real_time_factor preview 2",
        "processing_seconds_total preview +8",
        "stage_seconds preview generation 6",
        "stage_busy_seconds_total preview generation +6",
    ]


def test_attempts_that_fail_and_tasks_that_fail_are_two_things(tmp_path: Path, tape: list[str]) -> None:
    world = World(tmp_path / "tasks.sqlite")
    world.create()
    for _ in range(2):
        task = world.claim()
        world.store.fail(task.task_id, task.fence, "X", "broke", retryable=True)

    assert tape[2:] == ["attempts_failed_total preview +1", "tasks_ended_total preview failed +1"]


def test_what_is_rolled_back_is_not_counted(tmp_path: Path, tape: list[str]) -> None:
    world = World(tmp_path / "tasks.sqlite")
    database = world.store._database
    with pytest.raises(ZeroDivisionError), database.transaction():
        database.after_commit(lambda: tape.append("counted"))
        raise ZeroDivisionError

    assert tape == []


def test_the_queue_is_looked_at_now_and_then(tmp_path: Path, tape: list[str]) -> None:
    world = World(tmp_path / "tasks.sqlite")
    world.create(1)
    world.create(2)
    world.claim()
    tape.clear()
    for _ in range(3):
        world.metrics.refresh(world.store)

    assert tape[0] == "queue_length  1"
    assert sorted(tape[2:]) == ["tasks_active preview processing 1", "tasks_active preview queued 1"]


def test_operators_read_of_every_metric() -> None:
    documented = set(re.findall(r"^\| `ray_emo_hallo_(\w+)` \|", OPERATIONS, re.MULTILINE))

    assert documented == METRICS.keys()
