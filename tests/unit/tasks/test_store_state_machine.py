"""The store against a model of it, in any order of events, with time passing and the process dying anywhere."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from emo_hallo_ray.errors import LeaseLost, QueueFull, TaskCancelled, TaskNotCancellable, TaskNotEnded, TaskNotFound
from emo_hallo_ray.tasks.model import LEGAL_TRANSITIONS, Task, TaskStatus
from emo_hallo_ray.tasks.store import StoreLimits, TaskStore
from tests.unit.tasks.conftest import Clock, new_task

LIMITS = StoreLimits(max_queued=4, max_concurrent=2, max_attempts=2, lease_s=10)


@dataclass
class Expected:
    """A task as the model has it."""

    status: TaskStatus = TaskStatus.QUEUED
    progress: int = 0
    attempts: int = 0
    fence: int = 0
    segments: tuple[str, ...] = ()
    strikes: int = 0
    furthest: int = 0
    lease_until: float = 0.0

    def matches(self, task: Task) -> bool:
        mine = (self.status, self.progress, self.attempts, self.strikes, self.fence, self.segments)
        return mine == (task.status, task.progress, task.attempts, task.strikes, task.fence, task.segments)

    def end_attempt(self, final: TaskStatus, retryable: bool) -> None:
        self.strikes += retryable
        self.status = TaskStatus.QUEUED if retryable and self.strikes < LIMITS.max_attempts else final


class Attempt(NamedTuple):
    task_id: str
    fence: int


class StoreMachine(RuleBasedStateMachine):
    """Runners that crash, linger and come back; users who create and cancel; a service that restarts."""

    tasks: Bundle[str] = Bundle("tasks")
    attempts: Bundle[Attempt] = Bundle("attempts")  # every claim ever made, the old ones too

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.stores = [self._open()]
        self.expected: dict[str, Expected] = {}  # in the order of creation
        self.seen: dict[str, Task] = {}  # as after the step before
        self.n_created = 0
        self.given_out: set[Attempt] = set()
        self.was_away = True

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.folder.cleanup()

    @property
    def store(self) -> TaskStore:
        return self.stores[-1]

    def _open(self) -> TaskStore:
        return TaskStore(Path(self.folder.name) / "db", LIMITS, self.clock, self.clock.monotonic)

    def _in(self, status: TaskStatus) -> list[str]:
        return [task_id for task_id, expected in self.expected.items() if expected.status is status]

    # the world

    @rule(seconds=st.floats(0, 15))
    def let_time_pass(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(seconds=st.floats(-100, 100))
    def set_the_clock(self, seconds: float) -> None:
        self.clock.set_by(seconds)

    @rule(orderly=st.booleans())
    def restart(self, orderly: bool) -> None:
        if orderly:
            self.stores.pop().close()
        self.stores.append(self._open())
        self.was_away = True

    # users

    @rule(target=tasks)
    def create(self) -> Any:
        new = new_task(self.n_created)
        if len(self._in(TaskStatus.QUEUED)) >= LIMITS.max_queued:
            with pytest.raises(QueueFull):
                self.store.create(new)
            return multiple()
        self.store.create(new)
        self.n_created += 1
        self.expected[new.task_id] = Expected()
        return new.task_id

    @rule(task_id=tasks)
    def create_again(self, task_id: str) -> None:
        number = int(task_id.removeprefix("task-"))

        assert self.store.create(new_task(number)) == self.store.get(task_id)

    @rule(task_id=tasks, force=st.booleans())
    def cancel(self, task_id: str, force: bool) -> None:
        expected = self.expected[task_id]
        if expected.status is TaskStatus.QUEUED or (expected.status is TaskStatus.PROCESSING and force):
            self.store.cancel(task_id, force)
            expected.status = TaskStatus.CANCELLED
            expected.fence += 1
        else:
            with pytest.raises(TaskNotCancellable):
                self.store.cancel(task_id, force)

    @rule(target=tasks, task_id=consumes(tasks))
    def delete(self, task_id: str) -> Any:
        if self.expected[task_id].status.is_terminal:
            self.store.delete(task_id)
            del self.expected[task_id], self.seen[task_id]
            return multiple()
        with pytest.raises(TaskNotEnded):
            self.store.delete(task_id)
        return task_id

    # runners

    @rule(target=attempts)
    def claim(self) -> Any:
        task = self.store.claim_next()
        self._expire()
        running = [self.expected[task_id] for task_id in self._in(TaskStatus.PROCESSING)]
        suspect_runs = any(expected.strikes for expected in running)
        waiting = [t for t in self._in(TaskStatus.QUEUED) if not (suspect_runs and self.expected[t].strikes)]
        if not waiting or len(running) >= LIMITS.max_concurrent:
            assert task is None
            return multiple()
        assert task is not None
        assert task.task_id == waiting[0]
        attempt = Attempt(task.task_id, task.fence)
        assert attempt not in self.given_out
        self.given_out.add(attempt)
        expected = self.expected[task.task_id]
        expected.status = TaskStatus.PROCESSING
        expected.attempts += 1
        expected.fence += 1
        expected.lease_until = self.clock.monotonic() + LIMITS.lease_s
        return attempt

    @rule()
    def expire_leases(self) -> None:
        assert self.store.expire_leases() == self._expire()

    @rule(attempt=attempts)
    def heartbeat(self, attempt: Attempt) -> None:
        self._write(attempt, "heartbeat")

    @rule(attempt=attempts, progress=st.integers(-5, 105))
    def report(self, attempt: Attempt, progress: int) -> None:
        if expected := self._write(attempt, "report", progress, "working", 0, None):
            expected.progress = max(expected.progress, min(progress, 99))

    @rule(attempt=attempts)
    def commit_segment(self, attempt: Attempt) -> None:
        expected = self.expected.get(attempt.task_id, Expected())
        segment = (len(expected.segments), f"{len(expected.segments)}-{attempt.fence}")
        if self._write(attempt, "commit_segment", *segment, 0):
            expected.segments += (segment[1],)
            if len(expected.segments) > expected.furthest:
                expected.furthest, expected.strikes = len(expected.segments), 0
            self._write(attempt, "commit_segment", *segment, 0)

    @rule(attempt=attempts, n_kept=st.integers(0, 3))
    def restart_segments(self, attempt: Attempt, n_kept: int) -> None:
        if expected := self._write(attempt, "restart_segments", n_kept):
            expected.segments = expected.segments[:n_kept]

    @rule(attempt=attempts)
    def complete(self, attempt: Attempt) -> None:
        expected = self.expected.get(attempt.task_id)
        if expected and (expected.status, expected.fence) == (TaskStatus.COMPLETED, attempt.fence):
            self.store.complete(*attempt, {"again": True})  # the answer to the first one was lost
        elif expected := self._write(attempt, "complete", {}):
            expected.status = TaskStatus.COMPLETED
            expected.progress = 100

    @rule(attempt=attempts, retryable=st.booleans())
    def fail(self, attempt: Attempt, retryable: bool) -> None:
        if expected := self._write(attempt, "fail", "X", "broken", retryable):
            expected.end_attempt(TaskStatus.FAILED, retryable)

    @rule(attempt=attempts)
    def release(self, attempt: Attempt) -> None:
        if expected := self._write(attempt, "release"):
            expected.status = TaskStatus.QUEUED
            expected.attempts -= 1

    def _write(self, attempt: Attempt, method: str, *arguments: Any) -> Expected | None:
        """Only the newest attempt of a task that is still running may write; the model's task if it could."""
        write = getattr(self.store, method)
        expected = self.expected.get(attempt.task_id)
        if expected is None or expected.status is not TaskStatus.PROCESSING or expected.fence != attempt.fence:
            is_cancelled = expected is not None and expected.status is TaskStatus.CANCELLED
            with pytest.raises(TaskCancelled if is_cancelled else LeaseLost if expected else TaskNotFound):
                write(*attempt, *arguments)
            return None
        write(*attempt, *arguments)
        expected.lease_until = self.clock.monotonic() + LIMITS.lease_s
        return expected

    def _expire(self) -> list[str]:
        running = self._in(TaskStatus.PROCESSING)
        now = self.clock.monotonic()
        if self.was_away:
            self.was_away = False
            for expected in map(self.expected.__getitem__, running):
                expected.lease_until = now + LIMITS.lease_s
        silent = [task_id for task_id in running if self.expected[task_id].lease_until < now]
        for task_id in silent:
            self.expected[task_id].end_attempt(TaskStatus.FAILED, retryable=True)
        return silent

    # what stays true

    @invariant()
    def every_accepted_task_is_there_as_it_should_be(self) -> None:
        now = {task.task_id: task for task in reversed(self.store.list_tasks().tasks)}
        assert list(now) == list(self.expected)
        assert all(expected.matches(now[task_id]) for task_id, expected in self.expected.items())
        assert self.store.get_many(now) == now
        waiting = [task.queue_position for task in now.values() if task.status is TaskStatus.QUEUED]
        assert waiting == list(range(1, len(waiting) + 1))

    @invariant()
    def nothing_goes_back(self) -> None:
        now = self.store.get_many(self.expected)
        for task_id, before in self.seen.items():
            task = now[task_id]
            assert task.progress >= before.progress
            assert task.fence >= before.fence
            assert task.updated_at >= before.updated_at
            assert task == before or not before.status.is_terminal
        self.seen = now

    @invariant()
    def limits_are_kept(self) -> None:
        tasks = self.store.list_tasks().tasks
        counts = self.store.counts()
        assert counts[TaskStatus.PROCESSING] <= LIMITS.max_concurrent
        assert all(task.strikes <= LIMITS.max_attempts for task in tasks)
        suspects = [task for task in tasks if task.status is TaskStatus.PROCESSING and task.strikes]
        assert len(suspects) <= 1
        assert all((task.progress == 100) == (task.status is TaskStatus.COMPLETED) for task in tasks)

    @invariant()
    def the_last_event_tells_where_a_task_stands(self) -> None:
        for task_id, expected in self.expected.items():
            events = self.store.events_since(task_id, 0, limit=1_000)
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            assert (events[-1].status, events[-1].progress) == (expected.status, expected.progress)


StoreMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestStore = StoreMachine.TestCase


def test_every_status_can_be_reached_and_the_final_ones_cannot_be_left() -> None:
    reachable = {TaskStatus.QUEUED}
    for _ in TaskStatus:
        reachable |= {target for source in reachable for target in LEGAL_TRANSITIONS[source]}

    assert reachable == set(TaskStatus)
    assert {status for status in TaskStatus if status.is_terminal} == {
        TaskStatus.COMPLETED,
        TaskStatus.FAILED,
        TaskStatus.CANCELLED,
    }
