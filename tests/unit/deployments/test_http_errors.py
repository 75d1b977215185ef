"""Every error, from any layer, has the documented body."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import FileResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict

from deployments import http_errors
from emo_hallo_ray.errors import QueueFull, TaskNotCancellable, Unauthorized

JSON = {"Content-Type": "application/json"}


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")
    steps: int


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    app = FastAPI()
    (tmp_path / "file").write_bytes(b"0123456789")

    @app.get("/crash")
    async def crash() -> None:
        raise ZeroDivisionError("a secret path /etc/passwd")

    @app.get("/full")
    async def full() -> None:
        raise QueueFull("100 tasks are waiting", retry_after_s=12)

    @app.get("/key")
    async def key() -> None:
        raise Unauthorized("No valid API key was given")

    @app.get("/cancel")
    async def cancel() -> None:
        raise TaskNotCancellable

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(tmp_path / "file")

    @app.get("/text")
    async def text() -> PlainTextResponse:
        return PlainTextResponse("from some library", status_code=503, headers={"Retry-After": "3"})

    @app.post("/body")
    async def body(body: Body) -> Body:
        return body

    http_errors.install(app)
    return app


def ask(app: FastAPI, method: str, path: str, **options: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code", "detail"),
    [
        ("GET", "/nowhere", {}, 404, "NOT_FOUND", "There is nothing at GET /nowhere"),
        ("PUT", "/crash", {}, 405, "METHOD_NOT_ALLOWED", "/crash does not take PUT"),
        ("GET", "/crash", {}, 500, "INTERNAL_ERROR", "Internal server error"),
        ("GET", "/full", {}, 429, "QUEUE_FULL", "100 tasks are waiting"),
        ("GET", "/key", {}, 401, "UNAUTHORIZED", "No valid API key was given"),
        ("POST", "/body", {"content": "{no", "headers": JSON}, 400, "INVALID_PARAMETER", "the body is not valid JSON"),
        ("POST", "/body", {"content": "{}"}, 400, "INVALID_PARAMETER", "the body must be a JSON object"),
        ("POST", "/body", {}, 400, "INVALID_PARAMETER", "the body must be a JSON object"),
        ("POST", "/body", {"json": {"step": 1}}, 400, "INVALID_PARAMETER", "'step' is not a known field"),
        ("POST", "/body", {"json": {"steps": "x" * 500}}, 400, "INVALID_PARAMETER", "'steps': input should be"),
        ("GET", "/text", {}, 503, "SERVICE_UNAVAILABLE", "from some library"),
        ("GET", "/file", {"headers": {"Range": "bytes=50-"}}, 416, "RANGE_NOT_SATISFIABLE", "not in the file"),
        ("GET", "/file", {"headers": {"Range": "lines=1"}}, 400, "BAD_REQUEST", "Only support bytes range"),
    ],
)
def test_every_layer_answers_with_detail_and_code(
    app: FastAPI, method: str, path: str, options: dict[str, Any], status: int, code: str, detail: str
) -> None:
    answer = ask(app, method, path, **options)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error_code"] == code
    assert detail in answer.json()["detail"]
    assert len(answer.text) < 400


def test_a_crash_tells_the_caller_nothing_but_the_log_everything(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = ask(app, "GET", "/crash", headers={"X-Request-ID": "abc-123"})

    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "abc-123" in answer.json()["hint"]
    assert "abc-123" in caplog.text
    assert "ZeroDivisionError: a secret path" in caplog.text


def test_a_refused_method_names_those_of_every_route_at_the_address(app: FastAPI) -> None:
    @app.delete("/full")
    async def empty() -> None: ...

    assert ask(app, "PUT", "/full").headers["Allow"] == "GET, DELETE"


@pytest.mark.parametrize(
    "body",
    ['{"\\ud800": 1}', '{"steps": "\\ud800"}', "[" * 50_000, '{"steps": ' + "9" * 9000 + "}"],
    ids=["half a character as key", "and as value", "deep", "huge number"],
)
def test_absurd_json_is_the_callers_mistake(app: FastAPI, body: str) -> None:
    answer = ask(app, "POST", "/body", content=body, headers=JSON)

    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_headers_that_help_are_there(app: FastAPI) -> None:
    assert ask(app, "GET", "/full").headers["Retry-After"] == "12"
    assert ask(app, "GET", "/key").headers["WWW-Authenticate"] == "Bearer"
    assert ask(app, "PUT", "/crash").headers["Allow"] == "GET"
    assert ask(app, "GET", "/text").headers["Retry-After"] == "3"
    assert ask(app, "GET", "/file", headers={"Range": "bytes=50-"}).headers["Content-Range"] == "bytes */10"


def test_a_refused_cancellation_has_the_documented_body(app: FastAPI) -> None:
    body = ask(app, "GET", "/cancel").json()

    assert body["status"] == "error"
    assert body["detail"] == "Task not found in queue or already running"


def test_good_answers_pass_untouched(app: FastAPI) -> None:
    answer = ask(app, "GET", "/file", headers={"Range": "bytes=2-4"})

    assert answer.status_code == 206
    assert answer.content == b"234"
