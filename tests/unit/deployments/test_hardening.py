"""Headers, body limits, cross-origin access and the warning of an open service, as browsers and attackers meet them."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.middleware.cors import CORSMiddleware

from deployments import body_limit, http_errors
from deployments.body_limit import MAX_BODY_BYTES, BodyLimit
from deployments.exposure import is_loopback
from deployments.ingress import CORS
from deployments.security_headers import SecurityHeaders
from emo_hallo_ray.settings import AccessSettings

ORIGIN = "https://studio.example"


class Change(BaseModel):
    text: str


def app_with(cors_origins: tuple[str, ...] = ()) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None)

    @app.post("/api/v1/config")
    async def config(change: Change) -> int:
        return len(change.text)

    @app.post("/api/v1/inference/hallo2")
    async def upload(change: Change) -> int:
        return len(change.text)

    @app.get("/api/v1/data")
    async def data() -> JSONResponse:
        return JSONResponse({}, headers={"Referrer-Policy": "origin"})

    @app.get("/")
    @app.get("/docs")
    async def page() -> HTMLResponse:
        return HTMLResponse("<p>")

    app.add_middleware(BodyLimit)
    http_errors.install(app)
    if cors_origins:
        app.add_middleware(CORSMiddleware, **CORS, allow_origins=cors_origins)
    app.add_middleware(SecurityHeaders, allows_other_origins=bool(cors_origins))
    return app


def send(app: FastAPI, method: str, path: str, **options: object) -> httpx.Response:
    async def go() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.request(method, path, **options)  # type: ignore[arg-type]

    return asyncio.run(go())


def test_every_answer_tells_browsers_what_not_to_do_with_it() -> None:
    for path in ("/api/v1/data", "/", "/nowhere"):
        headers = send(app_with(), "GET", path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_nothing_in_an_answer_of_the_api_can_run_and_pages_run_their_own_scripts_only() -> None:
    policies = {
        path: send(app_with(), "GET", path).headers["Content-Security-Policy"]
        for path in ("/api/v1/data", "/", "/docs")
    }

    assert policies["/api/v1/data"].startswith("default-src 'none'")
    assert "unsafe" not in policies["/"]
    assert "script-src 'self' 'unsafe-inline'" in policies["/docs"]


def test_a_route_keeps_the_header_that_it_sets_itself() -> None:
    assert send(app_with(), "GET", "/api/v1/data").headers["Referrer-Policy"] == "origin"


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
def test_a_large_body_is_refused_where_it_would_be_read_into_memory(declared: bool) -> None:
    body = b'{"text": "' + b"x" * MAX_BODY_BYTES + b'"}'

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    answer = send(app_with(), "POST", "/api/v1/config", content=body if declared else pieces())

    assert (answer.status_code, answer.json()["error_code"]) == (413, "UPLOAD_TOO_LARGE")


def test_a_small_body_arrives_whole_and_uploads_have_limits_of_their_own() -> None:
    large = {"text": "x" * MAX_BODY_BYTES}

    assert send(app_with(), "POST", "/api/v1/config", json={"text": "four"}).json() == 4
    assert send(app_with(), "POST", "/api/v1/inference/hallo2", json=large).json() == MAX_BODY_BYTES


def test_a_body_that_dawdles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "MAX_BODY_S", 0.05)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(1)
        yield b"}"

    answer = send(app_with(), "POST", "/api/v1/config", content=slowly())

    assert (answer.status_code, answer.json()["error_code"]) == (408, "UPLOAD_TIMED_OUT")


def test_pages_of_other_origins_may_not_read_answers_unless_they_are_configured() -> None:
    closed = send(app_with(), "GET", "/api/v1/data", headers={"Origin": ORIGIN})
    opened = send(app_with((ORIGIN,)), "GET", "/api/v1/data", headers={"Origin": ORIGIN})
    stranger = send(app_with((ORIGIN,)), "GET", "/api/v1/data", headers={"Origin": "https://evil.example"})

    assert "access-control-allow-origin" not in closed.headers
    assert opened.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-origin" not in stranger.headers


def test_a_browser_may_ask_before_it_sends_a_key() -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "X-API-Key"}

    assert send(app_with((ORIGIN,)), "OPTIONS", "/api/v1/data", headers=asked).status_code == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *[("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.9.9.9", True)],
        *[("0.0.0.0", False), ("::", False), ("10.0.0.7", False), ("gpu-box", False)],
    ],
)
def test_only_this_machine_reaches_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_what_is_no_hash_is_refused_as_a_hash_of_a_key() -> None:
    with pytest.raises(ValidationError):
        AccessSettings(api_key_hashes=("my-secret-key",))
