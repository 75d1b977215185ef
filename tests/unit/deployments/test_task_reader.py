"""Status polling: few questions to the registry, fresh enough answers for everybody."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from deployments import task_reader
from deployments.task_reader import TaskReader
from deployments.task_registry import Registry
from emo_hallo_ray.errors import ServiceUnavailable, TaskNotFound
from emo_hallo_ray.tasks.model import Task
from tests.unit.test_pipeline import make_task

TASK = make_task()


class CountingRegistry:
    """Answers after everybody has had a turn, and counts the questions."""

    def __init__(self, *tasks: Task) -> None:
        self.tasks = {task.task_id: task for task in tasks}
        self.questions: list[list[str]] = []
        self.error: Exception | None = None

    async def call(self, method: Any, task_ids: list[str]) -> dict[str, Task]:
        self.questions.append(task_ids)
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return {task_id: self.tasks[task_id] for task_id in task_ids if task_id in self.tasks}


class Time:
    """Stands in for the `time` module."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(task_reader, "time", time)
    return time


def make_reader(registry: CountingRegistry) -> TaskReader:
    return TaskReader(cast(Registry, registry))


def test_callers_that_come_together_share_one_question(time: Time) -> None:
    other = replace(TASK, task_id="22222222-2222-4222-8222-222222222222")
    registry = CountingRegistry(TASK, other)

    async def ask() -> list[Task]:
        reader = make_reader(registry)
        first = asyncio.create_task(reader.get(TASK.task_id))
        await asyncio.sleep(0)
        return await asyncio.gather(first, *(reader.get(each.task_id) for each in (TASK, other) * 50))

    answers = asyncio.run(ask())

    assert {task.task_id for task in answers} == {TASK.task_id, other.task_id}
    assert len(registry.questions) <= 2


def test_a_fresh_answer_is_given_again_an_older_one_is_renewed_and_a_stale_one_never_given(time: Time) -> None:
    registry = CountingRegistry(TASK)

    async def ask() -> list[int]:
        reader = make_reader(registry)
        seen = [(await reader.get(TASK.task_id)).progress]
        registry.tasks[TASK.task_id] = replace(TASK, progress=50)
        time.now += task_reader.FRESH_S / 2
        seen.append((await reader.get(TASK.task_id)).progress)
        time.now += task_reader.FRESH_S
        seen.append((await reader.get(TASK.task_id)).progress)  # given, and renewed behind it
        for _ in range(5):
            await asyncio.sleep(0)
        seen.append((await reader.get(TASK.task_id)).progress)
        registry.tasks[TASK.task_id] = replace(TASK, progress=90)
        time.now += 2 * task_reader.STALE_S
        seen.append((await reader.get(TASK.task_id)).progress)
        return seen

    assert asyncio.run(ask()) == [0, 0, 0, 50, 90]


def test_a_change_through_this_replica_is_seen_at_once(time: Time) -> None:
    registry = CountingRegistry(TASK)

    async def ask() -> int:
        reader = make_reader(registry)
        await reader.get(TASK.task_id)
        registry.tasks[TASK.task_id] = replace(TASK, progress=50)
        reader.forget(TASK.task_id)
        return (await reader.get(TASK.task_id)).progress

    assert asyncio.run(ask()) == 50


def test_an_unknown_task_is_asked_for_every_time(time: Time) -> None:
    registry = CountingRegistry()

    async def ask() -> Task:
        reader = make_reader(registry)
        with pytest.raises(TaskNotFound):
            await reader.get(TASK.task_id)
        registry.tasks[TASK.task_id] = TASK
        return await reader.get(TASK.task_id)

    assert asyncio.run(ask()) == TASK


def test_everybody_hears_that_the_registry_is_away_and_the_next_one_asks_again(time: Time) -> None:
    registry = CountingRegistry(TASK)
    registry.error = ServiceUnavailable("away")

    async def ask() -> Task:
        reader = make_reader(registry)
        answers = await asyncio.gather(*(reader.get(TASK.task_id) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(answer, ServiceUnavailable) for answer in answers)
        registry.error = None
        return await reader.get(TASK.task_id)

    assert asyncio.run(ask()) == TASK


def test_the_json_of_an_unchanged_task_is_made_once(time: Time) -> None:
    registry = CountingRegistry(TASK)

    async def ask() -> tuple[bytes, bytes, bytes]:
        reader = make_reader(registry)
        first = reader.to_json(await reader.get(TASK.task_id))
        registry.tasks[TASK.task_id] = replace(TASK)  # equal, but another object
        time.now += 2 * task_reader.STALE_S
        second = reader.to_json(await reader.get(TASK.task_id))
        registry.tasks[TASK.task_id] = replace(TASK, progress=1)
        time.now += 2 * task_reader.STALE_S
        return first, second, reader.to_json(await reader.get(TASK.task_id))

    first, second, changed = asyncio.run(ask())

    assert first == second
    assert b'"progress":1' in changed
