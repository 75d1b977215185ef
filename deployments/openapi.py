"""The OpenAPI description, with the errors that this service really gives."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

TAGS = [
    {"name": "inference", "description": "Create tasks, and set the defaults of new ones."},
    {"name": "tasks", "description": "Follow tasks, fetch their videos, cancel them."},
    {"name": "health", "description": "Is the service able to work?"},
]
ERROR = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}}
EVERYWHERE = {
    "400": "The request is not valid",
    "401": "API keys are configured, and none of them was given",
    "500": "Something broke; the log has more under the request id",
    "503": "A part of the service is away",
}
CONFIGURATION = {
    "408": "The body came too slowly",
    "413": "The body is too large",
}
CREATION = {
    "408": "The upload came too slowly, or stopped",
    "409": "The idempotency key was used with another request",
    "413": "The upload is too large",
    "429": "The queue is full; Retry-After says when to come back",
}
INSPECTION = {
    "408": "The upload came too slowly, or stopped",
    "413": "The upload is too large",
}
OF_OPERATION = {"create_task": CREATION, "configure": CONFIGURATION, "inspect_files": INSPECTION}

# what can be done with a task once an answer has named it
FOLLOW_UPS = (
    *("get_task", "task_events", "task_logs", "task_logs_by_post", "task_video"),
    *("task_stream", "task_stream_part", "task_thumbnail"),
    *("cancel_task", "delete_task_data"),
)


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """Describe the application: every error has one body, and 422 does not occur."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS
        )
        for operations in schema["paths"].values():
            for operation in operations.values():
                errors = EVERYWHERE | OF_OPERATION.get(operation["operationId"], {})
                operation["responses"].pop("422", None)
                operation["responses"] |= {code: {"description": text, **ERROR} for code, text in errors.items()}
                if operation["operationId"] == "create_task":
                    operation["responses"]["200"]["links"] = _links("$response.body#/task_id")
        schemas = schema["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = schema
    return app.openapi_schema


def _links(task_id: str) -> dict[str, Any]:
    return {name: {"operationId": name, "parameters": {"task_id": task_id}} for name in FOLLOW_UPS}
