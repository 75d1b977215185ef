"""Which pages of other origins may use the API from a browser."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.unit.deployments.api import caller, make_api

ORIGIN, KEY = "https://studio.example", "a key"
ACCESS = {"cors_origins": [ORIGIN], "api_key_hashes": [sha256(KEY.encode()).hexdigest()]}
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key"}


@pytest.fixture
def page(tmp_path: Path) -> Iterator[TestClient]:
    with caller(make_api(tmp_path, access=ACCESS)) as client:
        client.headers["Origin"] = ORIGIN
        yield client


def test_without_the_setting_no_origin_is_allowed(tmp_path: Path) -> None:
    with caller(make_api(tmp_path)) as client:
        answer = client.get("/api/v1/tasks", headers={"Origin": ORIGIN})
        preflight = client.options("/api/v1/tasks", headers={"Origin": ORIGIN, **PREFLIGHT})

    assert answer.status_code == 200
    assert not [name for name in (*answer.headers, *preflight.headers) if name.startswith("access-control")]
    assert preflight.status_code == 405


def test_a_preflight_needs_no_key(page: TestClient) -> None:
    answer = page.options("/api/v1/inference/hallo2", headers=PREFLIGHT)

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Idempotency-Key" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_the_request_itself_does_and_its_refusal_can_be_read(page: TestClient) -> None:
    refused = page.get("/api/v1/tasks")
    answered = page.get("/api/v1/tasks", headers={"Authorization": f"Bearer {KEY}"})

    assert (refused.status_code, answered.status_code) == (401, 200)
    for answer in (refused, answered):
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "X-Request-ID" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": f"{ORIGIN}.evil.example"},
        {"Origin": "http://studio.example"},
        {"Origin": "null"},
        {"Access-Control-Request-Method": "PUT"},
        {"Access-Control-Request-Headers": "x-other"},
    ],
    ids=lambda headers: " ".join(headers.values()),
)
def test_another_origin_method_or_header_is_refused_with_our_body(page: TestClient, headers: dict[str, str]) -> None:
    answer = page.options("/api/v1/tasks", headers=PREFLIGHT | headers)

    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_REQUEST")
    assert answer.json()["detail"].startswith("Disallowed CORS")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_answers_to_another_origin_cannot_be_read_by_its_pages(page: TestClient) -> None:
    assert "Access-Control-Allow-Origin" not in page.get("/health", headers={"Origin": "https://evil.example"}).headers
