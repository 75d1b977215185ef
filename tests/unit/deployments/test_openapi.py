"""The description that /docs and client generators read."""

from typing import Any, cast

import pytest

from deployments.ingress import build_api
from deployments.service import Service
from emo_hallo_ray.schemas import InferenceForm
from emo_hallo_ray.settings import Settings


class NoService:
    """Describing the routes needs no more of the service than its settings."""

    settings = Settings()


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    return build_api(cast(Service, NoService())).openapi()


def operations(openapi: dict[str, Any]) -> dict[str, Any]:
    return {f"{method.upper()} {path}": op for path, item in openapi["paths"].items() for method, op in item.items()}


def test_every_documented_route_is_there_once(openapi: dict[str, Any]) -> None:
    described = operations(openapi)

    assert {
        "GET /health",
        "GET /api/v1/health",
        "POST /api/v1/inference/hallo2",
        "POST /api/v1/inference/hallo2/config",
        "GET /api/v1/tasks",
        "GET /api/v1/tasks/{task_id}",
        "GET /api/v1/tasks/{task_id}/video",
        "POST /api/v1/tasks/{task_id}/logs",
        "DELETE /api/v1/tasks/{task_id}",
    } <= set(described)
    ids = [operation["operationId"] for operation in described.values()]
    assert len(set(ids)) == len(ids)


def test_errors_are_described_as_they_are_given(openapi: dict[str, Any]) -> None:
    for operation in operations(openapi).values():
        assert "422" not in operation["responses"]
        assert operation["responses"]["400"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorBody")
    assert {"408", "409", "413", "429"} <= set(operations(openapi)["POST /api/v1/inference/hallo2"]["responses"])


def test_a_created_task_leads_to_everything_that_can_be_done_with_it(openapi: dict[str, Any]) -> None:
    links = operations(openapi)["POST /api/v1/inference/hallo2"]["responses"]["200"]["links"]
    ids = {op["operationId"] for path, op in operations(openapi).items() if "{task_id}" in path}

    assert set(links) == ids


def test_the_upload_form_shows_both_files_and_every_field(openapi: dict[str, Any]) -> None:
    body = operations(openapi)["POST /api/v1/inference/hallo2"]["requestBody"]
    schema = body["content"]["multipart/form-data"]["schema"]

    assert schema["required"] == ["image_file", "audio_file"]
    assert set(InferenceForm.model_fields) < set(schema["properties"])
    assert not [name for name, field in schema["properties"].items() if "null" in str(field)]  # forms cannot say it
