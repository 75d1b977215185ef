"""A store on a real file, with a clock that tests move."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emo_hallo_ray.tasks.model import NewTask, Task, TaskParams
from emo_hallo_ray.tasks.store import StoreLimits, TaskStore

LIMITS = StoreLimits(max_queued=5, max_concurrent=2, max_attempts=2, lease_s=10)


class Clock:
    """Seconds that pass when told to: both clocks go on together, and `set_by` changes the one on the wall only."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now
        self._set_by = 0.0

    def __call__(self) -> float:
        return self.now

    def set_by(self, seconds: float) -> None:
        self.now += seconds
        self._set_by += seconds

    def monotonic(self) -> float:
        return self.now - self._set_by


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[TaskStore]:
    store = TaskStore(tmp_path / "tasks.sqlite", LIMITS, clock, clock.monotonic)
    yield store
    store.close()


def new_task(number: int, **fields: str) -> NewTask:
    return NewTask(f"task-{number}", TaskParams(seed=number), "asked for", **fields)


@pytest.fixture
def claimed(store: TaskStore) -> Callable[[], Task]:
    """Create a task and start an attempt at it."""

    def create_and_claim() -> Task:
        number = sum(store.counts().values())
        store.create(new_task(number))
        task = store.claim_next()
        assert task is not None
        return task

    return create_and_claim
