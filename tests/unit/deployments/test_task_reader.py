"""Status polling: few questions to the registry, and answers that never go back."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from deployments import task_reader
from deployments.task_reader import TaskReader
from deployments.task_registry import Reading, Registry
from emo_hallo_ray.errors import ServiceUnavailable, TaskNotFound
from emo_hallo_ray.tasks.model import Task
from tests.unit.test_pipeline import make_task

TASK = make_task()


class CountingRegistry:
    """Answers after everybody has had a turn, and counts the questions."""

    def __init__(self, *tasks: Task) -> None:
        self.tasks = {task.task_id: task for task in tasks}
        self.is_alone = True
        self.questions: list[list[str]] = []
        self.was_asked = asyncio.Event()
        self.error: Exception | None = None

    async def call(self, method: Any, reader_id: str, task_ids: list[str]) -> Reading:
        self.questions.append(task_ids)
        self.was_asked.set()
        found = {task_id: self.tasks[task_id] for task_id in task_ids if task_id in self.tasks}
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return Reading(found, self.is_alone)


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


def test_callers_that_come_together_share_one_question() -> None:
    other = replace(TASK, task_id="22222222-2222-4222-8222-222222222222")
    registry = CountingRegistry(TASK, other)

    async def ask() -> list[Task]:
        reader = make_reader(registry)
        return await asyncio.gather(*(reader.get(each.task_id) for each in (TASK, other) * 50))

    answers = asyncio.run(ask())

    assert {task.task_id for task in answers} == {TASK.task_id, other.task_id}
    assert [sorted(question) for question in registry.questions] == [[TASK.task_id, other.task_id]]


def test_who_asks_after_a_change_sees_it_even_while_an_older_question_is_on_its_way() -> None:
    registry = CountingRegistry(TASK)

    async def ask() -> list[int]:
        reader = make_reader(registry)
        before = asyncio.create_task(reader.get(TASK.task_id))
        await registry.was_asked.wait()
        registry.tasks[TASK.task_id] = replace(TASK, progress=50)
        after = asyncio.create_task(reader.get(TASK.task_id))
        return [task.progress for task in await asyncio.gather(before, after)]

    assert asyncio.run(ask()) == [0, 50]


def test_at_a_glance_a_fresh_answer_is_given_again_an_older_one_renewed_and_a_stale_one_never_given(
    time: Time,
) -> None:
    registry = CountingRegistry(TASK)

    async def ask() -> list[int]:
        reader = make_reader(registry)
        seen = [(await reader.glance(TASK.task_id)).progress]
        registry.tasks[TASK.task_id] = replace(TASK, progress=50)
        time.now += task_reader.RENEW_S / 2
        seen.append((await reader.glance(TASK.task_id)).progress)
        time.now += task_reader.RENEW_S
        seen.append((await reader.glance(TASK.task_id)).progress)  # given, and renewed behind it
        for _ in range(9):
            await asyncio.sleep(0)
        seen.append((await reader.glance(TASK.task_id)).progress)
        registry.tasks[TASK.task_id] = replace(TASK, progress=90)
        time.now += 2 * task_reader.REMEMBER_S
        seen.append((await reader.glance(TASK.task_id)).progress)
        return seen

    assert asyncio.run(ask()) == [0, 0, 0, 50, 90]


def test_nothing_is_remembered_where_another_replica_may_have_told_more(time: Time) -> None:
    registry = CountingRegistry(TASK)
    registry.is_alone = False

    async def ask() -> list[int]:
        reader = make_reader(registry)
        before = (await reader.glance(TASK.task_id)).progress
        registry.tasks[TASK.task_id] = replace(TASK, progress=50)
        return [before, (await reader.glance(TASK.task_id)).progress]

    assert asyncio.run(ask()) == [0, 50]


def test_what_one_caller_has_seen_the_next_one_sees_at_a_glance(time: Time) -> None:
    registry = CountingRegistry(TASK)

    async def ask() -> int:
        reader = make_reader(registry)
        await reader.glance(TASK.task_id)
        registry.tasks[TASK.task_id] = replace(TASK, progress=50)
        await reader.get(TASK.task_id)
        return (await reader.glance(TASK.task_id)).progress

    assert asyncio.run(ask()) == 50


def test_a_change_through_this_replica_is_seen_at_once(time: Time) -> None:
    registry = CountingRegistry(TASK)

    async def ask() -> int:
        reader = make_reader(registry)
        await reader.glance(TASK.task_id)
        registry.tasks[TASK.task_id] = replace(TASK, progress=50)
        reader.forget(TASK.task_id)
        return (await reader.glance(TASK.task_id)).progress

    assert asyncio.run(ask()) == 50


def test_an_answer_that_cannot_be_renewed_is_not_given_again(time: Time) -> None:
    registry = CountingRegistry(TASK)

    async def ask() -> None:
        reader = make_reader(registry)
        await reader.glance(TASK.task_id)
        registry.error = ServiceUnavailable("away")
        time.now += 1.5 * task_reader.RENEW_S
        await reader.glance(TASK.task_id)
        for _ in range(9):
            await asyncio.sleep(0)
        with pytest.raises(ServiceUnavailable):
            await reader.glance(TASK.task_id)

    asyncio.run(ask())


def test_an_unknown_task_is_told_to_its_asker_alone() -> None:
    registry = CountingRegistry(TASK)

    async def ask() -> list[Task | BaseException]:
        reader = make_reader(registry)
        return await asyncio.gather(reader.get("nobody's"), reader.get(TASK.task_id), return_exceptions=True)

    missing, found = asyncio.run(ask())

    assert isinstance(missing, TaskNotFound)
    assert found == TASK


def test_everybody_hears_that_the_registry_is_away_and_the_next_one_asks_again() -> None:
    registry = CountingRegistry(TASK)
    registry.error = ServiceUnavailable("away")

    async def ask() -> Task:
        reader = make_reader(registry)
        answers = await asyncio.gather(*(reader.get(TASK.task_id) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(answer, ServiceUnavailable) for answer in answers)
        registry.error = None
        return await reader.get(TASK.task_id)

    assert asyncio.run(ask()) == TASK


def test_the_json_of_an_unchanged_task_is_made_once() -> None:
    registry = CountingRegistry(TASK)

    async def ask() -> list[bytes]:
        reader = make_reader(registry)
        bodies = []
        for task in (TASK, replace(TASK), replace(TASK, progress=1)):  # the second is equal, but another object
            registry.tasks[TASK.task_id] = task
            bodies.append(reader.to_json(await reader.get(TASK.task_id)))
        return bodies

    first, second, changed = asyncio.run(ask())

    assert first is second
    assert b'"progress":1,' in changed


def test_while_it_cannot_be_announced_nothing_is_remembered(time: Time, caplog: pytest.LogCaptureFixture) -> None:
    registry = CountingRegistry(TASK)

    async def live() -> int:
        reader = make_reader(registry)
        await reader.get(TASK.task_id)
        registry.error = ServiceUnavailable("away")
        reader.start()
        await asyncio.sleep(0.01)
        registry.error = None
        registry.tasks[TASK.task_id] = replace(TASK, progress=50)
        seen = (await reader.glance(TASK.task_id)).progress
        await reader.stop()
        return seen

    assert asyncio.run(live()) == 50
    assert "the registry is away: away" in caplog.text
