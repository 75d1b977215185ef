"""Bodies that are too large or too slow are refused before a route sees them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI, Request

from deployments.body_limit import BodyLimit
from tests.unit.deployments.test_http_errors import ask


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()

    @app.post("/echo")
    @app.post("/api/v1/inference/hallo2")
    async def echo(request: Request) -> int:
        return len(await request.body())

    app.add_middleware(BodyLimit, max_bytes=1024, timeout_s=0.1)
    return app


async def pieces(*sizes: int) -> AsyncIterator[bytes]:
    for size in sizes:
        yield bytes(size)


async def endless() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.Event().wait()


async def unread() -> AsyncIterator[bytes]:
    raise AssertionError("the body was read")
    yield b""


@pytest.mark.parametrize("content", [b"", bytes(1024), pieces(1000, 24)], ids=["nothing", "just fits", "chunked"])
def test_a_small_body_arrives_whole(app: FastAPI, content: Any) -> None:
    assert ask(app, "POST", "/echo", content=content).json() in (0, 1024)


@pytest.mark.parametrize(
    ("content", "headers"),
    [(bytes(1025), {}), (pieces(1000, 25), {}), (unread(), {"Content-Length": "99999"})],
    ids=["declared", "counted", "declared and not read"],
)
def test_a_large_one_is_refused(app: FastAPI, content: Any, headers: dict[str, str]) -> None:
    answer = ask(app, "POST", "/echo", content=content, headers=headers)

    assert (answer.status_code, answer.json()["error_code"]) == (413, "UPLOAD_TOO_LARGE")
    assert "1 KB" in answer.json()["detail"]


def test_one_that_does_not_end_is_given_up(app: FastAPI) -> None:
    answer = ask(app, "POST", "/echo", content=endless())

    assert (answer.status_code, answer.json()["error_code"]) == (408, "UPLOAD_TIMED_OUT")


def test_uploads_have_limits_of_their_own(app: FastAPI) -> None:
    assert ask(app, "POST", "/api/v1/inference/hallo2", content=bytes(5000)).json() == 5000
