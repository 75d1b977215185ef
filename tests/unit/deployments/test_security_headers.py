"""What browsers are told with every answer."""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.testclient import TestClient

from deployments.security_headers import SecurityHeaders
from tests.unit.deployments.api import caller, make_api

NOBODY = "/api/v1/tasks/00000000-0000-4000-8000-000000000000"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with caller(make_api(tmp_path, access={"api_key_hashes": ["0" * 64]})) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/static-offline-docs/swagger-ui.css", 200),
        ("GET", "/nothing", 404),
        ("PUT", "/health", 405),
        ("GET", NOBODY, 401),
    ],
)
def test_every_answer_has_them(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)

    assert answer.status_code == status
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "microphone=(self), " in answer.headers["Permissions-Policy"]
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "'unsafe-eval'" not in answer.headers["Content-Security-Policy"]
    assert not re.search(r"\d", answer.headers.get("Server", ""))


def test_a_crash_has_them_too() -> None:
    app = FastAPI()

    @app.get("/crash")
    async def crash() -> None:
        raise ZeroDivisionError

    from deployments import http_errors

    http_errors.install(app)
    app.add_middleware(SecurityHeaders)

    answer = TestClient(app, raise_server_exceptions=False).get("/crash")

    assert (answer.status_code, answer.headers["X-Frame-Options"]) == (500, "DENY")


def test_data_may_load_nothing_and_is_kept_by_no_cache_on_the_way(client: TestClient) -> None:
    answer = client.get("/api/v1/health")

    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert answer.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_docs_run_scripts_from_here_and_their_own_inline_one(client: TestClient, page: str) -> None:
    answer = client.get(page)
    scripts = re.search(r"script-src ([^;]+);", answer.headers["Content-Security-Policy"])
    inline = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)

    assert scripts is not None
    hashes = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in inline]
    assert scripts[1].split() == ["'self'", *hashes]


def test_a_page_may_play_and_record_but_runs_no_inline_script() -> None:
    app = FastAPI()

    @app.get("/")
    async def page() -> HTMLResponse:
        return HTMLResponse("<script>evil()</script>")

    app.add_middleware(SecurityHeaders)

    policy = TestClient(app).get("/").headers["Content-Security-Policy"]

    assert {"default-src 'self'", "media-src 'self' blob:", "worker-src 'self' blob:"} <= set(policy.split("; "))
    assert "unsafe" not in policy


def test_what_a_route_says_itself_stays() -> None:
    app = FastAPI()

    @app.get("/api/own")
    async def own() -> PlainTextResponse:
        return PlainTextResponse("", headers={"Content-Security-Policy": "own", "Cache-Control": "no-store"})

    app.add_middleware(SecurityHeaders)

    headers = TestClient(app).get("/api/own").headers

    assert (headers["Content-Security-Policy"], headers["Cache-Control"]) == ("own", "no-store")
