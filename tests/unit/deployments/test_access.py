"""API keys: who gets in where, what the others are told, and that callers do not see each other."""

import asyncio
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from deployments.access import RequireApiKey
from deployments.service import caller_of
from tests.unit.deployments.api import FILES, caller, make_api

KEY, OTHER_KEY = "correct horse battery staple", "another key"
FINGERPRINT = sha256(KEY.encode()).hexdigest()
HASHES = [FINGERPRINT, sha256(OTHER_KEY.encode()).hexdigest()]
OPEN = {"/health", "/api/v1/health"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


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


def get(app: FastAPI, path: str, headers: dict[str, str] | None = None, root_path: str = "") -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
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


@pytest.mark.parametrize("path", sorted(OPEN))
def test_monitors_need_no_key(app: FastAPI, path: str) -> None:
    assert get(app, path).status_code == 200


def test_no_key_is_never_the_right_one_even_if_its_hash_is_configured() -> None:
    app = FastAPI()
    app.add_middleware(RequireApiKey, key_hashes=(sha256(b"").hexdigest(),))

    assert get(app, "/api/v1/tasks").status_code == 401


@pytest.mark.parametrize("path", ["/api/v1/tasks", "/prefix/api/v1/tasks"])
def test_an_application_with_a_route_prefix_is_protected_too(app: FastAPI, path: str) -> None:
    # servers differ in whether the path that they give contains the prefix
    assert get(app, path, root_path="/prefix").status_code == 401
    assert get(app, path, {"X-API-Key": KEY}, root_path="/prefix").status_code == 200


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[TestClient]:
    with caller(make_api(tmp_path, access={"api_key_hashes": HASHES})) as client:
        yield client


def test_every_route_with_every_method_wants_a_key_except_health(stranger: TestClient) -> None:
    paths = [path.format(task_id="x", name="y") for path in stranger.get("/openapi.json").json()["paths"]]
    assert len(paths) > 8

    for path in paths:
        statuses = {stranger.request(method, path).status_code for method in METHODS}
        assert statuses == ({200, 405} if path in OPEN else {401}), path


@pytest.mark.parametrize(
    "path",
    [
        *("//api/v1/tasks", "/api//v1/tasks", "/api/v1//tasks", "/api/v1/tasks/", "/api/v1/tasks;x=1", "/API/v1/tasks"),
        *("/%61pi/v1/tasks", "/api%2fv1/tasks", "/api/v1/../v1/tasks", "/x/../api/v1/tasks", "/./api/v1/tasks"),
        *("/api/v1/health/", "/api/v1/health/../tasks", "/api/v1/health%2f..%2ftasks", "/health/../api/v1/tasks"),
        *("/api/v1/health%00/tasks", "/api/v1/tasks?path=/api/v1/health", "/api/v1/tasks#/health", "/api/v1\\tasks"),
    ],
)
def test_no_spelling_of_a_path_gets_around_the_key(stranger: TestClient, path: str) -> None:
    assert stranger.get(path, follow_redirects=False).status_code in (401, 404)


TAILS = ("video", "logs", "events", "stream.m3u8", "stream/init.mp4", "thumbnail")


def test_callers_see_and_touch_their_own_tasks_only(tmp_path: Path) -> None:
    app = make_api(tmp_path, access={"api_key_hashes": HASHES})
    with caller(app, KEY) as owner, caller(app, OTHER_KEY) as other:
        task_id = owner.post("/api/v1/inference/hallo2", files=FILES).json()["task_id"]
        task = f"/api/v1/tasks/{task_id}"

        for path in (task, *(f"{task}/{tail}" for tail in TAILS)):
            assert other.get(path).json()["error_code"] == "TASK_NOT_FOUND"
        assert other.post(f"{task}/logs").status_code == 404
        assert other.head(f"{task}/video").status_code == 404
        assert other.delete(task, params={"force": True}).status_code == 404
        assert other.get("/api/v1/tasks").json()["tasks"] == {}
        assert owner.get(task).json()["status"] == "queued"
        assert list(owner.get("/api/v1/tasks").json()["tasks"]) == [task_id]


def test_the_same_idempotency_key_of_two_callers_makes_two_tasks(tmp_path: Path) -> None:
    app = make_api(tmp_path, access={"api_key_hashes": HASHES})
    headers = {"Idempotency-Key": "1"}
    with caller(app, KEY) as one, caller(app, OTHER_KEY) as other:
        ids = [
            client.post("/api/v1/inference/hallo2", files=FILES, headers=headers).json()["task_id"]
            for client in (one, one, other)
        ]

    assert ids[0] == ids[1] != ids[2]
