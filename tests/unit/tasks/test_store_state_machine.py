"""The store against a model of it, in any order of events, with time passing and the process restarting anywhere."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from emo_hallo_ray.errors import LeaseLost, QueueFull, TaskCancelled, TaskNotCancellable
from emo_hallo_ray.tasks.model import LEGAL_TRANSITIONS, Task, TaskStatus
from emo_hallo_ray.tasks.store import StoreLimits, TaskStore
from tests.unit.tasks.conftest import Clock, new_task

LIMITS = StoreLimits(max_queued=4, max_concurrent=2, max_attempts=2, lease_s=10)


class StoreMachine(RuleBasedStateMachine):
    """Runners that crash, linger and come back; users who create and cancel; a service that restarts."""

    @initialize()
    def open_store(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.store = self._open()
        self.accepted: dict[str, Task] = {}  # as last seen
        self.attempts: list[Task] = []  # every claim ever made, the old ones too
        self.lease_until: dict[str, float] = {}

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def _open(self) -> TaskStore:
        return TaskStore(Path(self.folder.name) / "db", LIMITS, self.clock)

    @rule()
    def create(self) -> None:
        is_full = self.store.counts()[TaskStatus.QUEUED] >= LIMITS.max_queued
        new = new_task(len(self.accepted))
        if is_full:
            with pytest.raises(QueueFull):
                self.store.create(new)
        else:
            self.accepted[new.task_id] = self.store.create(new)

    @rule()
    def claim(self) -> None:
        task = self.store.claim_next()
        if task is not None:
            self.attempts.append(task)
            self.lease_until[task.task_id] = self.clock.now + LIMITS.lease_s

    @rule(seconds=st.floats(0, 15))
    def let_time_pass(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = self._open()

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), progress=st.integers(-5, 105))
    def report(self, data: st.DataObject, progress: int) -> None:
        attempt = data.draw(st.sampled_from(self.attempts))
        if self._write(attempt, "report", progress, "working", 0, None):
            self.lease_until[attempt.task_id] = self.clock.now + LIMITS.lease_s

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def commit_segment(self, data: st.DataObject) -> None:
        attempt = data.draw(st.sampled_from(self.attempts))
        n_done = len(self.store.get(attempt.task_id).segments)
        if self._write(attempt, "commit_segment", n_done, f"{n_done}-{attempt.fence}", 0):
            self.lease_until[attempt.task_id] = self.clock.now + LIMITS.lease_s

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), retryable=st.booleans())
    def fail(self, data: st.DataObject, retryable: bool) -> None:
        self._write(data.draw(st.sampled_from(self.attempts)), "fail", "X", "broken", retryable)

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), ending=st.sampled_from(["complete", "release", "heartbeat"]))
    def end_or_keep(self, data: st.DataObject, ending: str) -> None:
        attempt = data.draw(st.sampled_from(self.attempts))
        before = self.store.get(attempt.task_id)
        if ending == "complete" and (before.status, before.fence) == (TaskStatus.COMPLETED, attempt.fence):
            self.store.complete(attempt.task_id, attempt.fence, {})  # the answer to the first one was lost
            assert self.store.get(attempt.task_id) == before
        elif self._write(attempt, ending, *([{}] if ending == "complete" else [])):
            self.lease_until[attempt.task_id] = self.clock.now + LIMITS.lease_s

    @precondition(lambda self: self.accepted)
    @rule(data=st.data(), force=st.booleans())
    def cancel(self, data: st.DataObject, force: bool) -> None:
        task_id = data.draw(st.sampled_from(sorted(self.accepted)))
        status = self.store.get(task_id).status
        if status is TaskStatus.QUEUED or (status is TaskStatus.PROCESSING and force):
            assert self.store.cancel(task_id, force).status is TaskStatus.CANCELLED
        else:
            with pytest.raises(TaskNotCancellable):
                self.store.cancel(task_id, force)

    def _write(self, attempt: Task, method: str, *arguments: Any) -> bool:
        """Only the newest attempt of a task that is still running may write; says whether it could."""
        task = self.store.get(attempt.task_id)
        write = getattr(self.store, method)
        if task.status is TaskStatus.CANCELLED:
            with pytest.raises(TaskCancelled):
                write(attempt.task_id, attempt.fence, *arguments)
        elif task.status is not TaskStatus.PROCESSING or task.fence != attempt.fence:
            with pytest.raises(LeaseLost):
                write(attempt.task_id, attempt.fence, *arguments)
        else:
            write(attempt.task_id, attempt.fence, *arguments)
            return True
        return False

    @invariant()
    def nothing_is_lost_and_nothing_goes_back(self) -> None:
        if not hasattr(self, "store"):
            return
        now = {task.task_id: task for task in self.store.list_tasks().tasks}
        assert set(now) == set(self.accepted)
        for task_id, before in self.accepted.items():
            task = now[task_id]
            assert task.progress >= before.progress
            assert task.fence >= before.fence
            assert task.segments[: len(before.segments)] == before.segments
            assert task.attempts <= LIMITS.max_attempts
            assert task.updated_at >= before.updated_at
            if before.status.is_terminal:
                assert task == before
            assert (task.progress == 100) == (task.status is TaskStatus.COMPLETED)
        self.accepted = now

    @invariant()
    def no_more_run_than_may(self) -> None:
        if hasattr(self, "store"):
            counts = self.store.counts()
            assert counts[TaskStatus.PROCESSING] <= LIMITS.max_concurrent
            assert counts[TaskStatus.QUEUED] <= LIMITS.max_queued + LIMITS.max_concurrent

    @invariant()
    def a_task_with_a_live_lease_is_never_taken_away(self) -> None:
        if hasattr(self, "store"):
            expired = set(self.store.expire_leases())
            assert not {task_id for task_id in expired if self.lease_until[task_id] >= self.clock.now}


StoreMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
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
