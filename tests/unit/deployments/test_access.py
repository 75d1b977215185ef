"""API keys: who gets in, and what the others are told."""

import asyncio
from hashlib import sha256

import httpx
import pytest
from fastapi import FastAPI, Request

from deployments.access import RequireApiKey
from deployments.service import caller_of

KEY = "correct horse battery staple"
FINGERPRINT = sha256(KEY.encode()).hexdigest()


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()

    @app.get("/health")
    @app.get("/api/v1/health")
    @app.get("/api/v1/tasks")
    async def whoami(request: Request) -> str | None:
        return caller_of(request)

    app.add_middleware(RequireApiKey, key_hashes=("0" * 64, FINGERPRINT.upper()))
    return app


def get(app: FastAPI, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(send())


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY}])
def test_a_known_key_gets_in_and_is_known_by_its_fingerprint(app: FastAPI, headers: dict[str, str]) -> None:
    assert get(app, "/api/v1/tasks", headers).json() == FINGERPRINT


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}, {"X-API-Key": FINGERPRINT}]
)
def test_anything_else_is_answered_401_with_what_to_do(app: FastAPI, headers: dict[str, str]) -> None:
    answer = get(app, "/api/v1/tasks", headers)

    assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHORIZED")
    assert "Authorization" in answer.json()["hint"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/health", "/api/v1/health"])
def test_monitors_need_no_key(app: FastAPI, path: str) -> None:
    assert get(app, path).status_code == 200
