"""A fake service, a clock that only sleeping advances, and every test twice: for the client and for its async twin."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest

from emo_hallo.client import AsyncHallo2Client, Hallo2Client

from .fake_service import FakeService

T = TypeVar("T")


class FakeTime:
    """Time that passes in no time."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.slept_s: list[float] = []

    def clock(self) -> float:
        return self.now_s

    def sleep(self, duration_s: float) -> None:
        self.slept_s.append(duration_s)
        self.now_s += duration_s

    async def sleep_async(self, duration_s: float) -> None:
        self.sleep(duration_s)


class Blocking:
    """The async client behind the sync one's interface, so that both take the same tests."""

    def __init__(self, client: AsyncHallo2Client, runner: asyncio.Runner) -> None:
        self._client = client
        self._runner = runner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*args: Any, **options: Any) -> Any:
            result = method(*args, **options)
            return self._runner.run(_collect(result) if inspect.isasyncgen(result) else result)

        return call


async def _collect(items: AsyncIterator[T]) -> list[T]:
    return [item async for item in items]


@pytest.fixture
def service() -> Iterator[FakeService]:
    with FakeService().running() as service:
        yield service


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest, service: FakeService, time: FakeTime) -> Iterator[Callable[..., Any]]:
    """Makes clients of the fake service, of either kind."""
    with ExitStack() as stack:

        def connect_sync(**options: Any) -> Hallo2Client:
            return stack.enter_context(Hallo2Client(service.url, sleep=time.sleep, clock=time.clock, **options))

        def connect_async(**options: Any) -> Blocking:
            runner = stack.enter_context(asyncio.Runner())
            client = AsyncHallo2Client(service.url, sleep=time.sleep_async, clock=time.clock, **options)
            stack.callback(lambda: runner.run(client.aclose()))
            return Blocking(client, runner)

        yield connect_sync if request.param == "sync" else connect_async


@pytest.fixture
def client(connect: Callable[..., Any]) -> Any:
    return connect()


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    path = tmp_path / "person.jpg"
    path.write_bytes(b"\xff\xd8\xff picture")
    return path


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    path.write_bytes(b"RIFF sound")
    return path


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
