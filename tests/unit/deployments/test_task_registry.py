"""What the actor does with calls that arrive together, without the actor around it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments import task_registry
from deployments.task_registry import READER_GONE_AFTER_S, Call, TaskRegistry
from emo_hallo_ray.errors import LeaseLost, StorageUnavailable, TaskNotFound
from emo_hallo_ray.tasks.model import TaskStatus
from emo_hallo_ray.tasks.store import StoreLimits
from tests.unit.tasks.conftest import new_task


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[TaskRegistry]:
    registry = TaskRegistry(tmp_path / "tasks.sqlite", StoreLimits(max_concurrent=9), "test")
    yield registry
    registry.close()


def call(method: str, *args: object, **kwargs: object) -> Call:
    return Call(method, args, kwargs)


def test_each_call_has_its_own_end(registry: TaskRegistry) -> None:
    created, claimed, late, missing, mistaken, listed = registry.run(
        [
            call("create", new_task(1)),
            call("claim_next"),
            call("heartbeat", "task-1", 99),
            call("get", "nobody's"),
            call("commit_segment", "task-1", 1, 5, "a.mp4", 10),
            call("list_tasks", limit=5),
        ]
    )

    assert (created.status, claimed.status) == (TaskStatus.QUEUED, TaskStatus.PROCESSING)
    assert isinstance(late, LeaseLost)
    assert isinstance(missing, TaskNotFound)
    assert isinstance(mistaken, RuntimeError)
    assert "segment 0 is next" in str(mistaken)
    assert [task.task_id for task in listed.tasks] == ["task-1"]


def test_calls_that_cannot_be_written_together_are_written_alone(
    registry: TaskRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    database = registry._database
    database.write(f"PRAGMA max_page_count = {database.value('PRAGMA page_count') + 1}")

    first, huge, last = registry.run(
        [
            call("create", new_task(1)),
            call("set_defaults", {"enable_cache": "x" * 100_000}),
            call("create", new_task(2)),
        ]
    )

    assert isinstance(huge, StorageUnavailable)
    assert (first.task_id, last.task_id) == ("task-1", "task-2")
    assert registry.counts()[TaskStatus.QUEUED] == 2
    assert "each by itself now" in caplog.text


def test_a_reader_is_alone_when_nobody_else_has_read_for_a_while(
    registry: TaskRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = task_registry.time.monotonic()
    monkeypatch.setattr(task_registry.time, "monotonic", lambda: now)

    # the actor may be new, and others may have read from the one before it
    assert not registry.read("first", []).is_alone
    now += READER_GONE_AFTER_S
    assert registry.read("first", []).is_alone
    assert not registry.read("second", []).is_alone
    assert not registry.read("first", []).is_alone
    now += READER_GONE_AFTER_S
    assert registry.read("first", []).is_alone
