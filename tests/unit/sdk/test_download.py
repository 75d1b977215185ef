"""Downloads: complete or absent, whatever happens on the way."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from emo_hallo.errors import BadRequest, ConnectionFailed, DownloadIncomplete, LocalFileError

from .fake_service import (
    DROPPED,
    TASK_ID,
    TASK_PATH,
    Answer,
    Received,
    Script,
    error_answer,
    task_answer,
    video_answers,
)

VIDEO = bytes(range(256)) * 2000
ROUTE = f"GET {TASK_PATH}/video"


def cut(answer: Script, after_bytes: int) -> Script:
    """The same answer, broken off."""

    def shortened(request: Received) -> Answer:
        whole = answer(request) if callable(answer) else answer
        return replace(whole, cut_after=after_bytes)

    return shortened


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Path]:
    """Where to download to; whatever else is left in its folder after the test is an error."""
    path = tmp_path / "videos" / "output.mp4"
    path.parent.mkdir()
    yield path
    assert [left.name for left in path.parent.iterdir()] in ([], [path.name])


def test_video_is_saved_under_its_name(client, service, output):
    service.on(ROUTE, video_answers(VIDEO))

    assert client.download(TASK_ID, str(output)) == output
    assert output.read_bytes() == VIDEO


def test_broken_connection_is_resumed_where_it_broke(client, service, output):
    whole = video_answers(VIDEO)
    service.on(ROUTE, cut(whole, 100_000), DROPPED, cut(whole, 50_000), whole)

    client.download(TASK_ID, output)

    assert output.read_bytes() == VIDEO
    assert [request.headers["Range"] for request in service.received] == [
        None,
        "bytes=100000-",
        "bytes=100000-",
        "bytes=150000-",
    ]
    assert service.received[1].headers["If-Range"] == '"v1"'


def test_file_that_changed_meanwhile_is_read_from_the_start(client, service, output):
    service.on(ROUTE, cut(video_answers(b"old" * 1000), 500), video_answers(VIDEO, etag='"v2"'))

    client.download(TASK_ID, output)

    assert output.read_bytes() == VIDEO


def test_server_without_ranges_starts_over(client, service, output):
    whole = Answer(200, VIDEO)
    service.on(ROUTE, cut(whole, 100_000), whole)

    client.download(TASK_ID, output)

    assert output.read_bytes() == VIDEO


def test_long_download_over_a_bad_line_outlasts_any_number_of_breaks(connect, service, output):
    service.on(ROUTE, *[cut(video_answers(VIDEO), 20_000)] * 20, video_answers(VIDEO))

    connect(max_retries=1).download(TASK_ID, output)

    assert output.read_bytes() == VIDEO


def test_breaks_without_gain_are_given_up(connect, service, output):
    service.on(ROUTE, cut(Answer(200, VIDEO), 1000))

    with pytest.raises(ConnectionFailed):
        connect(max_retries=3).download(TASK_ID, output)

    assert len(service.received) == 4


def test_length_is_checked_against_the_announced_total(client, service, output):
    short = Answer(206, VIDEO[100_000:-1], {"Content-Range": f"bytes 100000-{len(VIDEO) - 1}/{len(VIDEO)}"})
    service.on(ROUTE, cut(Answer(200, VIDEO), 100_000), short, video_answers(VIDEO))

    client.download(TASK_ID, output)

    assert output.read_bytes() == VIDEO


def test_video_that_never_adds_up_is_not_kept(client, service, output):
    tail = Answer(206, b"xyz", {"Content-Range": "bytes 5-7/8"})
    service.on(ROUTE, cut(Answer(200, b"12345678"), 4), tail)

    with pytest.raises(DownloadIncomplete, match="another part"):
        client.download(TASK_ID, output)


def test_refused_range_starts_over(client, service, output):
    service.on(ROUTE, cut(Answer(200, VIDEO), 100_000), error_answer(416, "RANGE_NOT_SATISFIABLE"), Answer(200, VIDEO))

    client.download(TASK_ID, output)

    assert output.read_bytes() == VIDEO


def test_video_of_unknown_length_is_taken_as_it_comes(client, service, output):
    service.on(ROUTE, Answer(200, VIDEO, has_length=False))

    client.download(TASK_ID, output)

    assert output.read_bytes() == VIDEO


def test_older_video_survives_a_failed_download(client, service, output):
    output.write_bytes(b"older")
    service.on(ROUTE, error_answer(400, "TASK_NOT_COMPLETED"))

    with pytest.raises(BadRequest):
        client.download(TASK_ID, output)

    assert output.read_bytes() == b"older"


@pytest.mark.parametrize(
    ("name", "reason"), [("nowhere/output.mp4", "no writable folder"), (".", "is a folder")], ids=["missing", "folder"]
)
def test_unusable_destination_is_noticed_before_waiting(client, service, tmp_path, name, reason):
    service.on(f"GET {TASK_PATH}", task_answer("completed", 100))

    with pytest.raises(LocalFileError, match=reason):
        client.wait_and_download(TASK_ID, tmp_path / name)

    assert service.received == []
