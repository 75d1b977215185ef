"""A real HTTP server on loopback that answers as told, and remembers what it was told."""

import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message

from tests.loopback import Quiet, serving


@dataclass
class Received:
    """One request."""

    path: str
    headers: Message
    body: bytes


@dataclass
class Receiver:
    """Answers with each of `answers` in turn, then with the last for ever: a status, or seconds of silence."""

    address: str = ""
    answers: list[int | float] = field(default_factory=lambda: [200])
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def wait(self, n: int, timeout_s: float = 120) -> list[Received]:
        """The first n requests."""
        deadline = time.monotonic() + timeout_s
        for _ in range(n):
            assert self.arrived.acquire(timeout=max(0, deadline - time.monotonic())), (
                f"{len(self.received)} of {n} came"
            )
        return self.received[:n]


@contextmanager
def receiver(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """One on a port of its own."""
    told = Receiver()

    class Handler(Quiet):
        def do_POST(self) -> None:
            message = Received(self.path, self.headers, self.body())
            answer = told.answers.pop(0) if len(told.answers) > 1 else told.answers[0]
            told.received.append(message)
            told.arrived.release()
            if isinstance(answer, float):
                time.sleep(answer)
            else:
                self.answer(answer, headers=dict(told.answer_headers))

    with serving(Handler, context) as told.address:
        yield told
