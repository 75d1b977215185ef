"""Questions that travel together: who gets which answer, and who is left alone when one of them fails."""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Sequence
from typing import ParamSpec

import pytest

from deployments import batches
from deployments.batches import Batches

P = ParamSpec("P")


def in_a_loop(test: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    """A test that awaits."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


class Answerer:
    """Doubles numbers, refuses odd ones, and dies of 13."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, numbers: list[int]) -> Sequence[object]:
        self.batches.append(numbers)
        await self.may_answer.wait()
        if 13 in numbers:
            raise ConnectionError("gone")
        return [ValueError(number) if number % 2 else 2 * number for number in numbers]


@in_a_loop
async def test_a_lone_question_leaves_at_once_and_the_rest_go_together() -> None:
    answerer = Answerer()
    answerer.may_answer.clear()
    asked = Batches(answerer)
    first = asyncio.create_task(asked.ask(0))
    await asyncio.sleep(0.01)
    rest = [asyncio.create_task(asked.ask(number)) for number in (2, 4, 6)]
    await asyncio.sleep(0.01)
    answerer.may_answer.set()

    assert await asyncio.gather(first, *rest) == [0, 4, 8, 12]
    assert answerer.batches == [[0], [2, 4, 6]]


@in_a_loop
async def test_a_question_that_is_refused_does_no_harm_to_the_others() -> None:
    asked = Batches(Answerer())

    answers = await asyncio.gather(*(asked.ask(number) for number in (2, 3, 4)), return_exceptions=True)

    assert [answers[0], answers[2]] == [4, 8]
    assert isinstance(answers[1], ValueError)


@in_a_loop
async def test_a_batch_that_is_lost_is_told_to_all_of_it_and_the_next_one_leaves() -> None:
    asked = Batches(Answerer())

    answers = await asyncio.gather(asked.ask(2), asked.ask(13), return_exceptions=True)

    assert [type(answer) for answer in answers] == [ConnectionError, ConnectionError]
    assert await asked.ask(2) == 4


@in_a_loop
async def test_an_asker_may_leave() -> None:
    answerer = Answerer()
    answerer.may_answer.clear()
    asked = Batches(answerer)
    leaving, staying = asyncio.create_task(asked.ask(2)), asyncio.create_task(asked.ask(4))
    await asyncio.sleep(0.01)
    leaving.cancel()
    answerer.may_answer.set()

    assert await staying == 8
    with pytest.raises(asyncio.CancelledError):
        await leaving


@in_a_loop
async def test_no_batch_is_larger_than_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_SIZE", 10)
    answerer = Answerer()
    asked = Batches(answerer)

    assert await asyncio.gather(*(asked.ask(2 * number) for number in range(25))) == [4 * n for n in range(25)]
    assert [len(batch) for batch in answerer.batches] == [10, 10, 5]
