"""Waiting for a task, by polling and by its events."""

import json
from contextlib import aclosing, closing
from typing import Any

import pytest

from emo_hallo.client import AsyncHallo2Client, Hallo2Client
from emo_hallo.errors import ConnectionFailed, NotFound, TaskCancelled, TaskFailed, UnexpectedResponse, WaitTimeout

from .fake_service import DROPPED, TASK_ID, TASK_PATH, Answer, error_answer, task_answer, task_json

STATUS = f"GET {TASK_PATH}"
EVENTS = f"GET {TASK_PATH}/events"


def event(seq: int, status: str, progress: int) -> bytes:
    """One `task` event, preceded by a heartbeat."""
    return f": heartbeat\n\nid: {seq}\nevent: task\ndata: {json.dumps(task_json(status, progress))}\n\n".encode()


def stream(*events: bytes, **options: Any) -> Answer:
    """An event stream that ends after these."""
    return Answer(200, b"".join(events), {"Content-Type": "text/event-stream"}, **options)


def test_wait_polls_until_the_task_is_completed_and_reports_each_state(client, service, time):
    service.on(STATUS, task_answer("queued", 0), task_answer("processing", 50), task_answer("completed", 100))
    seen = []

    task = client.wait(TASK_ID, progress=seen.append)

    assert task.status == "completed"
    assert [state.progress for state in seen] == [0, 50, 100]
    assert time.slept_s == [0.5, 0.75]


def test_wait_hears_of_each_state_where_the_service_tells_them(client, service, time):
    service.on(EVENTS, stream(event(1, "processing", 20), event(2, "processing", 70), event(3, "completed", 100)))
    seen = []

    task = client.wait(TASK_ID, progress=seen.append)

    assert task.status == "completed"
    assert [state.progress for state in seen] == [20, 70, 100]
    assert [request.path for request in service.received] == [f"{TASK_PATH}/events"]
    assert time.slept_s == []


def test_wait_asks_where_a_stream_breaks_off_for_good(client, service, time):
    service.on(EVENTS, stream(event(1, "processing", 20)), DROPPED)
    service.on(STATUS, task_answer("completed", 100))

    assert client.wait(TASK_ID).status == "completed"


def test_wait_raises_what_the_task_died_of(client, service):
    service.on(STATUS, task_answer("failed", 30, error="the face turned away", error_code="NO_FACE_FOUND"))

    with pytest.raises(TaskFailed, match="the face turned away") as caught:
        client.wait(TASK_ID)

    assert caught.value.error_code == "NO_FACE_FOUND"
    assert caught.value.task.progress == 30


def test_wait_for_a_cancelled_task_says_so(client, service):
    service.on(STATUS, task_answer("cancelled"))

    with pytest.raises(TaskCancelled):
        client.wait(TASK_ID)


def test_wait_gives_up_exactly_when_its_time_is_over(client, service, time):
    service.on(STATUS, task_answer("processing", 45))

    with pytest.raises(WaitTimeout, match="still processing at 45% after 10 s"):
        client.wait(TASK_ID, timeout_s=10)

    assert sum(time.slept_s) == pytest.approx(10)


def test_wait_sits_out_a_restart_of_the_service(client, service):
    service.on(STATUS, task_answer("processing"), *[DROPPED] * 10, task_answer("completed", 100))

    assert client.wait(TASK_ID).status == "completed"


def test_wait_does_not_sit_out_more_than_its_time(client, service, time):
    service.on(STATUS, task_answer("processing"), DROPPED)

    with pytest.raises(ConnectionFailed):
        client.wait(TASK_ID, timeout_s=5)

    assert sum(time.slept_s) <= 5


def test_events_are_yielded_up_to_the_end(client, service):
    service.on(EVENTS, stream(event(1, "queued", 0), event(2, "processing", 50), event(3, "completed", 100)))

    assert [task.progress for task in client.events(TASK_ID)] == [0, 50, 100]
    assert service.received[0].headers["Accept"] == "text/event-stream"


def test_events_resume_after_the_last_complete_one(client, service):
    service.on(
        EVENTS,
        stream(event(1, "queued", 0), event(2, "processing", 50), event(3, "processing", 60)[:-20]),
        DROPPED,
        error_answer(503, "SHUTTING_DOWN"),
        stream(event(3, "processing", 60), event(4, "completed", 100)),
    )

    assert [task.progress for task in client.events(TASK_ID)] == [0, 50, 60, 100]
    assert [request.headers["Last-Event-ID"] for request in service.received] == [None, "2", "2", "2"]


def test_events_of_a_vanished_service_end_in_an_error(client, service):
    service.on(EVENTS, stream(event(1, "queued", 0)), DROPPED)

    with pytest.raises(ConnectionFailed):
        list(client.events(TASK_ID))


@pytest.mark.parametrize("status", [404, 405])
def test_without_an_event_stream_changes_are_polled(client, service, status):
    service.on(EVENTS, error_answer(status, "NOT_FOUND"))
    service.on(STATUS, *[task_answer("processing", progress) for progress in (10, 10, 20, 20)], task_answer("failed"))

    assert [(task.status, task.progress) for task in client.events(TASK_ID)] == [
        ("processing", 10),
        ("processing", 20),
        ("failed", 45),
    ]


def test_events_of_an_unknown_task_are_not_found(client, service):
    service.on(EVENTS, error_answer(404, "TASK_NOT_FOUND"))
    service.on(STATUS, error_answer(404, "TASK_NOT_FOUND"))

    with pytest.raises(NotFound) as caught:
        list(client.events(TASK_ID))

    assert caught.value.error_code == "TASK_NOT_FOUND"


def test_events_can_be_left_early(service):
    service.on(EVENTS, stream(event(1, "queued", 0), event(2, "completed", 100)))

    with Hallo2Client(service.url) as client, closing(client.events(TASK_ID)) as tasks:
        assert next(tasks).status == "queued"


@pytest.mark.anyio
async def test_async_events_can_be_left_early(service):
    service.on(EVENTS, stream(event(1, "queued", 0), event(2, "completed", 100)))

    async with AsyncHallo2Client(service.url) as client, aclosing(client.events(TASK_ID)) as tasks:
        assert (await anext(tasks)).status == "queued"


def test_event_that_describes_no_task_is_unexpected(client, service):
    service.on(EVENTS, stream(b"event: task\ndata: [1, 2]\n\n"))

    with pytest.raises(UnexpectedResponse, match=r"\[1, 2\]"):
        list(client.events(TASK_ID))
