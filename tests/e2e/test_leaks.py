"""Nothing that the service says tells where it lives: no folder, host name, address, Ray id or stack trace."""

import re
import socket
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import PORTRAIT, cut_speech
from tests.e2e.test_routes import NOBODY, status, submit
from tests.live_service import ROOT, LiveService, wait_until

TASKS = "/api/v1/tasks"
CREATE = "/api/v1/inference/hallo2"


@pytest.fixture(scope="module")
def unlucky(
    http: httpx.Client, service: LiveService, short_speech: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """Tasks whose files break while they wait, each in another way; all have failed."""
    speech = tmp_path_factory.mktemp("speech")
    busy = submit(http, cut_speech(short_speech, speech / "long.wav", seconds=1.5, repeat=30)).json()["task_id"]
    tasks = [submit(http, short_speech).json()["task_id"] for _ in range(4)]
    lost, cut, silent, blocked = (service.storage / "tasks" / task_id for task_id in tasks)
    (lost / "inputs" / "image").unlink()
    (cut / "inputs" / "image").write_bytes(PORTRAIT.read_bytes()[:2000])
    (silent / "inputs" / "audio").write_bytes(b"RIFF no sound")
    (blocked / "segments").rmdir()
    (blocked / "segments").write_bytes(b"not a folder")
    http.delete(f"{TASKS}/{busy}", params={"force": True})
    for task_id in tasks:
        wait_until(lambda id=task_id: status(http, id)["finished_at"] is not None, 60, "the task ends")  # type: ignore[misc]
    return tasks


def secrets(service: LiveService) -> list[re.Pattern[str]]:
    """What must not be read."""
    host = socket.gethostname()
    words = [
        *(str(service.storage), str(service.log.parent), str(ROOT), str(Path.home()), socket.gethostbyname(host)),
        *("/tmp/", "/home/", "site-packages", "Traceback", 'File "', "ray::", "object at 0x"),
    ]
    # ids of actors, objects and nodes have so many digits
    return [re.compile(re.escape(word)) for word in words] + [
        re.compile(rf"\b{re.escape(host)}\b"),
        re.compile(r"\b(?:[0-9a-f]{32}|[0-9a-f]{48}|[0-9a-f]{56})\b"),
    ]


def assert_tells_nothing(answers: Iterable[httpx.Response], service: LiveService) -> None:
    patterns = secrets(service)
    for answer in answers:
        header_lines = [f"{name}: {value}" for name, value in answer.headers.items() if name != "etag"]
        said = "\n".join([*header_lines, answer.text])
        found = [pattern.pattern for pattern in patterns if pattern.search(said)]
        assert not found, f"{answer.request.method} {answer.request.url} tells {found}:\n{said[:2000]}"


def test_answers_about_failed_tasks_tell_nothing(http: httpx.Client, service: LiveService, unlucky: list[str]) -> None:
    failed = [status(http, task_id) for task_id in unlucky]
    assert [task["status"] for task in failed] == ["failed"] * 4
    assert len({task["error"] for task in failed}) > 2

    paths = [f"{TASKS}/{task_id}{view}" for task_id in unlucky for view in ("", "/logs", "/events", "/video")]

    assert_tells_nothing([http.get(path) for path in paths], service)


def test_good_answers_tell_nothing(http: httpx.Client, service: LiveService, completed: str) -> None:
    task = f"{TASKS}/{completed}"
    paths = ["/health", "/api/v1/health", f"{CREATE}/config", TASKS, task, f"{task}/logs", f"{task}/events"]
    answers = [http.get(path) for path in (*paths, "/docs", "/redoc", "/openapi.json", "/-/healthz", "/-/routes")]

    assert {answer.status_code for answer in answers} == {200}
    assert_tells_nothing([*answers, http.head(f"{task}/video")], service)


def test_refusals_tell_nothing(
    http: httpx.Client, service: LiveService, completed: str, short_speech: Path, tmp_path: Path
) -> None:
    def upload(image: bytes, audio: bytes) -> httpx.Response:
        return http.post(CREATE, files={"image_file": image, "audio_file": audio})

    picture, sound = PORTRAIT.read_bytes(), short_speech.read_bytes()
    answers = [
        *(http.get(path) for path in ("/nothing", "/static-offline-docs/x", f"{TASKS}/{NOBODY}", f"{TASKS}/x/video")),
        *(http.put(TASKS), http.delete(f"{TASKS}/{completed}"), http.get(TASKS, params={"cursor": "x"})),
        http.get(f"{TASKS}/{completed}/video", headers={"Range": "bytes=999999999-"}),
        *(http.post(CREATE), http.post(f"{CREATE}/config", content=b"{"), http.post(f"{CREATE}/config", json={"a": 1})),
        http.post(f"{CREATE}/config", content=bytes(100_000)),
        *(submit(http, short_speech, engine=engine) for engine in ("hallo2", "other")),
        *(submit(http, short_speech, upscale="2", restore_faces="true"), submit(http, short_speech, seed="x")),
        *(upload(picture[:3000], sound), upload(b"", sound), upload(b"GIF89a", sound), upload(picture, sound[:3000])),
        *(upload(picture, b"RIFF\0\0\0\0WAVEfmt "), upload(b"\x89PNG\r\n\x1a\n" + bytes(50), sound)),
        *(upload(picture, b"ID3" + bytes(500)), upload(picture, b"OggS" + bytes(500))),
        http.get("/api/v1/health", headers={"X-Request-Timeout-Seconds": "0.000001"}),
    ]

    assert {answer.status_code for answer in answers} <= {400, 404, 405, 408, 413, 416}
    assert_tells_nothing(answers, service)
