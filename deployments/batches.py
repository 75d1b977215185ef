"""Few messages for many callers: what is asked while one batch is under way goes together with the next."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

MAX_SIZE = 100  # bounds how long the first of a batch waits for the work on the last

Question = TypeVar("Question")


class Batches(Generic[Question]):
    """One batch at a time, so a lone question leaves at once, and batches grow just as fast as answers are slow."""

    def __init__(self, send: Callable[[list[Question]], Awaitable[Sequence[object]]]) -> None:
        """Begin with nobody asking.

        Args:
            send: gives an answer for each question, in their order; an exception among them is raised to its asker.
        """
        self._send = send
        self._waiting: deque[tuple[Question, asyncio.Future[Any]]] = deque()
        self._sending: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Any:
        """The answer. Who is cancelled meanwhile leaves the others' batch alone."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())
        return await answer

    async def _send_all(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_SIZE))]
            outcomes = await self._outcomes([question for question, _ in batch])
            for (_, answer), outcome in zip(batch, outcomes, strict=True):
                if answer.done():  # its asker has left
                    continue
                if isinstance(outcome, BaseException):
                    answer.set_exception(outcome)
                else:
                    answer.set_result(outcome)

    async def _outcomes(self, questions: list[Question]) -> Sequence[object]:
        try:
            return await self._send(questions)
        except Exception as error:
            return [error] * len(questions)
