"""Status polling: few questions to the registry, and never an answer that is older than its question."""

import asyncio
from dataclasses import replace
from typing import Any, cast

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
        self.was_asked = asyncio.Event()
        self.error: Exception | None = None

    async def call(self, method: Any, task_ids: list[str]) -> dict[str, Task]:
        self.questions.append(task_ids)
        self.was_asked.set()
        found = {task_id: self.tasks[task_id] for task_id in task_ids if task_id in self.tasks}
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return found


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
    reader = make_reader(CountingRegistry())

    first = reader.to_json(TASK)

    assert reader.to_json(replace(TASK)) is first  # equal, but another object
    assert b'"progress":1,' in reader.to_json(replace(TASK, progress=1))
