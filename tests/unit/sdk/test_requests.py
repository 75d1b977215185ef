"""The short requests: tasks, logs, configuration, health, and how failures of any of them show."""

import inspect

import pytest

from emo_hallo import errors
from emo_hallo.client import AsyncHallo2Client, Hallo2Client
from emo_hallo.models import Configuration

from .fake_service import (
    DROPPED,
    SLOW,
    TASK_ID,
    TASK_PATH,
    Answer,
    error_answer,
    json_answer,
    task_answer,
    task_json,
)

STATUS = f"GET {TASK_PATH}"


def test_status_keeps_keys_that_this_version_does_not_know(client, service):
    service.on(STATUS, task_answer("processing", 45, eta_seconds=12.5, mood="sunny"))

    task = client.status(TASK_ID)

    assert (task.status, task.progress, task.eta_seconds, task.is_terminal) == ("processing", 45, 12.5, False)
    assert task.raw["mood"] == "sunny"


def test_tasks_are_fetched_page_by_page(client, service):
    pages = [
        {"tasks": {"a": {"task_id": "a", "status": "queued"}}, "count": 1, "next_cursor": "p2"},
        {"tasks": {"b": {"task_id": "b", "status": "queued"}}, "count": 1, "next_cursor": None},
    ]
    service.on("GET /api/v1/tasks", *map(json_answer, pages))

    tasks = list(client.tasks(status="queued"))

    assert [task.task_id for task in tasks] == ["a", "b"]
    assert [request.query for request in service.received] == [
        "limit=100&status=queued",
        "limit=100&status=queued&cursor=p2",
    ]


@pytest.mark.parametrize(("tail", "query"), [(None, ""), (5, "tail=5")])
def test_logs_are_plain_text(client, service, tail, query):
    service.on(f"GET {TASK_PATH}/logs", json_answer({"task_id": TASK_ID, "logs": "[INFO] Starting\n"}))

    assert client.logs(TASK_ID, tail) == "[INFO] Starting\n"
    assert service.received[0].query == query


@pytest.mark.parametrize(("force", "query"), [(False, ""), (True, "force=true")])
def test_cancel_sends_force_only_when_asked(client, service, force, query):
    service.on(f"DELETE {TASK_PATH}", json_answer({"status": "cancelled", "task_id": TASK_ID, "message": "ok"}))

    client.cancel(TASK_ID, force)

    assert service.received[0].query == query


def test_cancel_whose_answer_was_lost_still_succeeds(client, service):
    service.on(f"DELETE {TASK_PATH}", DROPPED, error_answer(400, "TASK_NOT_CANCELLABLE"))
    service.on(STATUS, task_answer("cancelled"))

    client.cancel(TASK_ID)

    assert len(service.requests(f"DELETE {TASK_PATH}")) == 2


def test_cancel_of_a_running_task_is_refused(client, service):
    service.on(f"DELETE {TASK_PATH}", error_answer(400, "TASK_NOT_CANCELLABLE"))
    service.on(STATUS, task_answer("processing"))

    with pytest.raises(errors.BadRequest) as caught:
        client.cancel(TASK_ID)

    assert caught.value.error_code == "TASK_NOT_CANCELLABLE"


def test_configure_sends_only_what_is_given(client, service):
    service.on("POST /api/v1/inference/hallo2/config", json_answer({"status": "success", "message": "ok"}))

    client.configure(inference_steps=25, enable_cache=False)

    assert service.received[0].body == b'{"inference_steps":25,"enable_cache":false}'


def test_configure_sends_a_preset(client, service):
    service.on("POST /api/v1/inference/hallo2/config", json_answer({"status": "success", "message": "ok"}))

    client.configure(preset="draft")

    assert service.received[0].body == b'{"preset":"draft"}'


@pytest.mark.parametrize(
    ("added", "preset"), [({"preset": "draft"}, "draft"), ({}, "quality")], ids=["today", "a service without presets"]
)
def test_configuration_is_read_back(client, service, added, preset):
    values = {"guidance_scale": 3.5, "inference_steps": 25, "enable_cache": True, **added}
    service.on("GET /api/v1/inference/hallo2/config", json_answer(values))

    assert client.configuration() == Configuration(3.5, 25, True, preset)


def test_health_is_passed_on(client, service):
    service.on("GET /api/v1/health", json_answer({"status": "healthy"}))

    assert client.health() == {"status": "healthy"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequest),
        (401, errors.Unauthorized),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (413, errors.TooLarge),
        (418, errors.BadRequest),
        (500, errors.ServerError),
    ],
)
def test_each_status_has_its_class_and_is_not_retried(client, service, status, kind):
    service.on(STATUS, error_answer(status, "SOME_CODE", "some detail", X_Request_ID="r-9"))

    with pytest.raises(errors.ApiError) as caught:
        client.status(TASK_ID)

    error = caught.value
    assert type(error) is kind
    assert (error.detail, error.error_code, error.status_code) == ("some detail", "SOME_CODE", status)
    assert (error.hint, error.request_id) == (None, "r-9")
    assert len(service.received) == 1


def test_error_page_of_a_proxy_is_described_by_its_status_line(client, service):
    service.on(STATUS, Answer(500, b"<html>oops</html>"))

    with pytest.raises(errors.ServerError, match="answered 500 Internal Server Error") as caught:
        client.status(TASK_ID)

    assert caught.value.error_code is None


def test_redirect_says_where_the_service_is(client, service):
    service.on(STATUS, Answer(301, headers={"Location": "https://elsewhere.example/"}))

    with pytest.raises(errors.ApiError, match=r"301 .*to https://elsewhere\.example/; set base_url"):
        client.status(TASK_ID)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}"], ids=["a web page", "a list", "not a task"])
def test_foreign_answer_is_unexpected(client, service, body):
    service.on(STATUS, Answer(200, body))

    with pytest.raises(errors.UnexpectedResponse, match="is base_url right"):
        client.status(TASK_ID)


def test_page_of_something_else_is_unexpected(client, service):
    service.on("GET /api/v1/tasks", json_answer({"tasks": ["a"]}))

    with pytest.raises(errors.UnexpectedResponse, match="does not hold tasks"):
        list(client.tasks())


def test_lost_connections_and_unavailable_services_are_tried_again(client, service, time):
    service.on(STATUS, DROPPED, error_answer(503, "SHUTTING_DOWN"), error_answer(503, "SHUTTING_DOWN"), task_answer())

    assert client.status(TASK_ID).progress == 45
    assert [0.25 <= time.slept_s[0] <= 0.5, 0.5 <= time.slept_s[1] <= 1, 1 <= time.slept_s[2] <= 2] == [True] * 3


def test_retry_after_is_honoured(client, service, time):
    service.on(STATUS, error_answer(429, "QUEUE_FULL", Retry_After="30"), task_answer())

    client.status(TASK_ID)

    assert time.slept_s == [30.0]


def test_when_retries_are_spent_the_last_error_is_raised(connect, service):
    service.on(STATUS, error_answer(429, "QUEUE_FULL", Retry_After="30"))

    with pytest.raises(errors.RateLimited) as caught:
        connect(max_retries=2).status(TASK_ID)

    assert caught.value.retry_after_s == 30.0
    assert len(service.received) == 3


def test_silence_beyond_the_timeout_is_a_failed_connection(connect, service):
    service.on(STATUS, SLOW)

    with pytest.raises(errors.ConnectionFailed, match=r"silent for more than 0\.05 s"):
        connect(timeout_s=0.05, max_retries=0).status(TASK_ID)


def test_refused_connection_asks_whether_the_service_runs():
    with (
        Hallo2Client("http://127.0.0.1:9", max_retries=0) as client,
        pytest.raises(errors.ConnectionFailed, match="is the service running"),
    ):
        client.status(TASK_ID)


def test_task_id_cannot_lead_to_another_route(client, service):
    with pytest.raises(errors.NotFound):
        client.status("../tasks?x=1")

    assert service.received[0].path == "/api/v1/tasks/..%2Ftasks%3Fx%3D1"


def test_empty_task_id_is_refused(client):
    with pytest.raises(ValueError, match="task_id is empty"):
        client.status("")


def test_base_url_needs_a_scheme_and_may_have_a_path(service):
    with pytest.raises(ValueError, match="must start with http"):
        Hallo2Client("localhost:8001")

    service.on("GET /hallo/api/v1/health", json_answer(task_json()))
    with Hallo2Client(f"{service.url}/hallo/") as client:
        client.health()


@pytest.mark.anyio
async def test_async_client_closes_with_its_block(service):
    async with AsyncHallo2Client(service.url) as client:
        assert repr(client) == f"AsyncHallo2Client('{service.url}')"

    with pytest.raises(RuntimeError, match="closed"):
        await client.health()


def test_twins_have_the_same_methods_and_parameters():
    def interface(cls: type) -> dict[str, list[str]]:
        methods = inspect.getmembers(cls, inspect.isfunction)
        return {name: list(inspect.signature(method).parameters) for name, method in methods if name[0] != "_"}

    sync, twin = interface(Hallo2Client), interface(AsyncHallo2Client)

    assert sync.pop("close") == twin.pop("aclose")
    assert sync == twin
