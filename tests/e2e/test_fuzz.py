"""Requests made up from our OpenAPI page, sound and absurd ones: nothing crashes, every answer is as described.

The same requests each time: the generator is seeded. They change the service's defaults and leave tasks behind, so the
first are put back and the others cancelled.
"""

import itertools
import uuid
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig

from deployments.ingress import build_api
from deployments.service import Service
from emo_hallo_ray.settings import Settings
from tests.e2e.conftest import PORTRAIT
from tests.e2e.test_inputs import tone
from tests.live_service import LiveService

OFF = {"enabled": False}
CONFIG = SchemathesisConfig.from_dict(
    {
        "request-timeout": 20,
        "max-stream-events": 3,  # event streams last as long as their tasks
        "checks": {
            "negative_data_rejection": OFF,  # forms and JSON take "1" for 1, as pydantic does
            "positive_data_acceptance": OFF,  # a text that the schema allows may still be no picture
            "use_after_free": OFF,  # a deleted task is a cancelled one, and can be looked at
        },
        "phases": {"stateful": {"generation": {"mode": "positive"}}},
    }
)
SEEDED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
FILES = {"image_file": PORTRAIT.read_bytes(), "audio_file": tone(0.3)}


class NoService:
    """Describing the routes needs no more of the service than its settings."""

    settings = Settings()


OPENAPI = build_api(cast(Service, NoService())).openapi()
# without this, uploads are small pictures, each of which costs a search for faces
schemathesis.openapi.format("binary", st.binary(max_size=100))
turns = itertools.count()
schema = schemathesis.openapi.from_dict(OPENAPI, config=CONFIG)


class RealUploads:
    """Puts real files into uploads: then tasks are made, and the rest of the form is looked at."""

    def __init__(self, at_most: int) -> None:
        self._n_left = at_most

    def complete(self, case: schemathesis.Case) -> None:
        """Change the request, if it is an upload and the queue is not to get fuller than it is."""
        is_upload = case.operation.definition.raw["operationId"] == "create_task"
        if is_upload and isinstance(case.body, dict) and self._n_left:
            self._n_left -= 1
            case.body = {**case.body, **FILES, "engine": "preview", "upscale": 1}
            case.headers = {"Idempotency-Key": uuid.uuid4().hex}  # made-up ones are mostly equal


uploads = RealUploads(at_most=40)


@pytest.fixture(scope="module")
def base_url(service: LiveService, http: httpx.Client) -> Iterator[str]:
    """Where the service is; what the requests changed is put back."""
    config = "/api/v1/inference/hallo2/config"
    defaults = http.get(config).json()
    yield service.base_url
    assert http.post(config, json=defaults).status_code == 200
    for status in ("queued", "processing"):
        for task_id in http.get("/api/v1/tasks", params={"status": status}).json()["tasks"]:
            http.delete(f"/api/v1/tasks/{task_id}", params={"force": True})


def test_the_service_shows_the_description_that_is_tested_here(http: httpx.Client) -> None:
    assert http.get("/openapi.json").json() == OPENAPI


@schema.parametrize()
@settings(SEEDED, max_examples=30)
def test_any_request_gets_a_described_answer(case: schemathesis.Case, base_url: str, completed: str) -> None:
    turn = next(turns)
    if turn % 4 == 0:
        uploads.complete(case)
    is_destructive = case.method == "DELETE"  # other tests look at that task, too
    if turn % 2 == 0 and "task_id" in case.path_parameters and not is_destructive:
        case.path_parameters["task_id"] = completed
    response = case.call(base_url=base_url)
    if not is_refused_by_the_proxy(response):
        case.validate_response(response)


def is_refused_by_the_proxy(response: schemathesis.Response) -> bool:
    """HAProxy answers by itself what is no HTTP, such as a header `transfer-encoding` without a value."""
    return response.status_code == 400 and b"<h1>400 Bad request</h1>" in response.content


def test_any_sequence_of_requests_gets_described_answers(base_url: str) -> None:
    class Sequences(schema.as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: schemathesis.Case) -> None:
            uploads.complete(case)

        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, Any]:
            return {"base_url": base_url}

    Sequences.run(settings=settings(SEEDED, max_examples=8, stateful_step_count=10))
