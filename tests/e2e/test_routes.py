"""Every route of the contract over real HTTP: bodies, codes and headers."""

import re
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import PORTRAIT, SPEECH, cut_speech
from tests.live_service import wait_until

NOBODY = "00000000-0000-4000-8000-000000000000"
TERMINAL = ("completed", "failed", "cancelled")


def submit(http: httpx.Client, audio: Path, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
    with PORTRAIT.open("rb") as image, audio.open("rb") as sound:
        return http.post(
            "/api/v1/inference/hallo2",
            files={"image_file": image, "audio_file": sound},
            data=fields,
            headers=headers or {},
        )


def status(http: httpx.Client, task_id: str) -> dict[str, Any]:
    body: dict[str, Any] = http.get(f"/api/v1/tasks/{task_id}").json()
    return body


@pytest.fixture(scope="module")
def long_speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording that keeps the service busy for a while."""
    return cut_speech(SPEECH, tmp_path_factory.mktemp("speech") / "long.wav", seconds=9, repeat=6)


def test_health_has_the_documented_fields(http: httpx.Client) -> None:
    assert http.get("/health").json() == {
        "status": "healthy",
        "gpu_available": False,
        "gpu_count": 0,
        "gpu_name": None,
    }


def test_detailed_health_names_models_stages_and_counts(http: httpx.Client, completed: str) -> None:
    # a replica tells what it holds at its next health check
    wait_until(lambda: "preview" in http.get("/api/v1/health").json()["models_loaded"], 30, "preview is loaded")
    body = http.get("/api/v1/health").json()

    assert body["status"] == "healthy"
    assert body["uptime"] > 0
    assert body["gpu"] == {"available": False, "count": 0, "devices": []}
    assert set(body["tasks"]) == {"queued", "running", "completed", "failed", "cancelled"}
    assert body["tasks"]["completed"] >= 1
    assert body["engines"]["preview"]["available"] is True
    assert body["engines"]["hallo2"]["available"] is False
    assert body["stages"] == dict.fromkeys(
        ["Ingress", "Preprocessor", "AudioEmbedder", "Generator", "SuperResolver", "Encoder"], 1
    )


def test_a_completed_task_has_the_documented_fields_and_the_added_ones(http: httpx.Client, completed: str) -> None:
    task = status(http, completed)

    assert (task["status"], task["progress"], task["error"]) == ("completed", 100, None)
    assert task["engine"] == "preview"
    assert "hallo2" in task["engine_reason"]
    assert task["params"]["seed"] == 7
    assert task["attempts"] == 1
    result = task["result"]
    assert result["video_url"] == f"/api/v1/tasks/{completed}/video"
    assert (result["frames"], result["fps"], result["width"], result["height"]) == (38, 25, 512, 512)
    assert result["duration"] == pytest.approx(38 / 25, abs=0.001)
    assert "fence" not in result
    for name in ("created_at", "updated_at", "started_at", "finished_at"):
        assert task[name].endswith("Z")
        datetime.fromisoformat(task[name])
    assert task["created_at"] <= task["started_at"] <= task["finished_at"]
    assert {"preprocessing", "speech", "generation", "encoding", "joining"} <= set(task["stage_seconds"])


def test_the_log_tells_a_tasks_life_one_line_a_record(http: httpx.Client, completed: str) -> None:
    logs = http.post(f"/api/v1/tasks/{completed}/logs").json()["logs"]

    assert all(re.match(r"\[(DEBUG|INFO|WARNING|ERROR)\] \S", line) for line in logs.splitlines())
    assert "preprocessing cache" in logs
    assert http.get(f"/api/v1/tasks/{completed}/logs").json()["logs"] == logs
    assert http.get(f"/api/v1/tasks/{completed}/logs?tail=2").json()["logs"] == "".join(logs.splitlines(True)[-2:])


def test_the_video_can_be_downloaded_in_pieces(http: httpx.Client, completed: str) -> None:
    url = f"/api/v1/tasks/{completed}/video"
    whole = http.get(url)
    size = len(whole.content)

    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    assert re.search(r'filename="emo-hallo-\w{8}\.mp4"', whole.headers["content-disposition"])
    piece = http.get(url, headers={"Range": "bytes=100-199"})
    assert (piece.status_code, piece.content) == (206, whole.content[100:200])
    assert piece.headers["content-range"] == f"bytes 100-199/{size}"
    assert http.get(url, headers={"Range": "bytes=-10"}).content == whole.content[-10:]
    changed = http.get(url, headers={"Range": "bytes=0-9", "If-Range": '"another-etag"'})
    assert changed.status_code == 200
    head = http.head(url)
    assert (head.content, head.headers["content-length"], head.headers["etag"]) == (
        b"",
        str(size),
        whole.headers["etag"],
    )


def test_a_range_outside_the_file_is_416_with_an_error_body(http: httpx.Client, completed: str) -> None:
    answer = http.get(f"/api/v1/tasks/{completed}/video", headers={"Range": "bytes=999999999-"})

    assert answer.status_code == 416
    assert answer.json()["error_code"] == "RANGE_NOT_SATISFIABLE"


@pytest.mark.parametrize(
    ("method", "path", "code", "error_code"),
    [
        ("GET", "/api/v1/nothing", 404, "NOT_FOUND"),
        ("PUT", "/api/v1/tasks", 405, "METHOD_NOT_ALLOWED"),
        ("GET", f"/api/v1/tasks/{NOBODY}", 404, "TASK_NOT_FOUND"),
        ("GET", "/api/v1/tasks/..%2F..%2Fetc", 404, "NOT_FOUND"),
        ("GET", "/api/v1/tasks/not-a-uuid", 404, "TASK_NOT_FOUND"),
        ("GET", f"/api/v1/tasks/{NOBODY}/video", 404, "TASK_NOT_FOUND"),
        ("POST", f"/api/v1/tasks/{NOBODY}/logs", 404, "TASK_NOT_FOUND"),
        ("DELETE", f"/api/v1/tasks/{NOBODY}", 404, "TASK_NOT_FOUND"),
        ("GET", "/api/v1/tasks?limit=0", 400, "INVALID_PARAMETER"),
        ("GET", "/api/v1/tasks?status=done", 400, "INVALID_PARAMETER"),
        ("GET", "/api/v1/tasks?cursor=%00", 400, "INVALID_PARAMETER"),
        ("POST", "/api/v1/inference/hallo2", 400, "INVALID_PARAMETER"),
        ("POST", "/api/v1/inference/hallo2/config", 400, "INVALID_PARAMETER"),
    ],
)
def test_every_refusal_has_an_error_body(
    http: httpx.Client, method: str, path: str, code: int, error_code: str
) -> None:
    answer = http.request(method, path)

    assert (answer.status_code, answer.json()["error_code"]) == (code, error_code)
    assert answer.json()["detail"]
    assert answer.headers["x-request-id"]


def test_an_unknown_task_cannot_be_cancelled_and_says_so_in_the_documents_words(http: httpx.Client) -> None:
    body = http.delete(f"/api/v1/tasks/{NOBODY}").json()

    assert (body["status"], body["detail"]) == ("error", "Task not found in queue or already running")


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"seed": "-1"}, "'seed'"),
        ({"guidance_scale": "0.5"}, "'guidance_scale'"),
        ({"guidance_scale": "nan"}, "'guidance_scale'"),
        ({"inference_steps": "201"}, "'inference_steps'"),
        ({"lip_weight": "3"}, "'lip_weight'"),
        ({"upscale": "3"}, "'upscale'"),
        ({"use_cache": "perhaps"}, "'use_cache'"),
        ({"preset": "best"}, "'preset'"),
        ({"scheduler": "euler"}, "'scheduler'"),
        ({"quality": "best"}, "'quality' is not a known field"),
    ],
)
def test_a_field_out_of_range_is_named(
    http: httpx.Client, short_speech: Path, fields: dict[str, str], complaint: str
) -> None:
    answer = submit(http, short_speech, **fields)

    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER")
    assert complaint in answer.json()["detail"]


def test_an_engine_that_cannot_run_is_refused_with_the_reason(http: httpx.Client, short_speech: Path) -> None:
    answer = submit(http, short_speech, engine="hallo2")

    assert (answer.status_code, answer.json()["error_code"]) == (400, "ENGINE_UNAVAILABLE")
    assert "preview" in answer.json()["hint"]


def test_configuration_is_partial_checked_and_used_by_later_tasks(http: httpx.Client, short_speech: Path) -> None:
    url = "/api/v1/inference/hallo2/config"
    before = http.get(url).json()
    try:
        answer = http.post(url, json={"inference_steps": 25, "enable_cache": False})
        assert answer.json() == {"status": "success", "message": "Configuration updated successfully"}
        assert http.get(url).json() == before | {"inference_steps": 25, "enable_cache": False}
        task = status(http, submit(http, short_speech).json()["task_id"])
        assert (task["params"]["inference_steps"], task["params"]["use_cache"]) == (25, False)
        assert http.post(url, json={"steps": 3}).status_code == 400
        assert http.post(url, json={"guidance_scale": 99}).status_code == 400
        assert http.post(url, json={"preset": "best"}).status_code == 400
        assert http.get(url).json()["guidance_scale"] == before["guidance_scale"]
    finally:
        http.post(url, json=before)


def test_a_preset_is_asked_for_or_configured_and_brings_its_steps(http: httpx.Client, short_speech: Path) -> None:
    url = "/api/v1/inference/hallo2/config"
    before = http.get(url).json()

    def settled(**fields: str) -> tuple[str, int]:
        params = status(http, submit(http, short_speech, **fields).json()["task_id"])["params"]
        return params["preset"], params["inference_steps"]

    assert before["preset"] == "quality"
    assert settled(preset="balanced") == ("balanced", 20)
    assert settled(preset="balanced", inference_steps="9") == ("balanced", 9)
    try:
        http.post(url, json={"preset": "draft"})
        assert http.get(url).json() == before | {"preset": "draft"}
        assert settled() == ("draft", 12)
        assert settled(preset="quality") == ("quality", before["inference_steps"])
    finally:
        http.post(url, json=before)


def test_an_idempotency_key_gives_the_same_task_or_a_conflict(http: httpx.Client, short_speech: Path) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}

    first = submit(http, short_speech, key, seed="1")
    again = submit(http, short_speech, key, seed="1")
    other = submit(http, short_speech, key, seed="2")

    assert first.json()["task_id"] == again.json()["task_id"]
    assert (other.status_code, other.json()["error_code"]) == (409, "IDEMPOTENCY_CONFLICT")


def test_an_upload_over_the_limit_is_refused_at_once(http: httpx.Client, tmp_path: Path) -> None:
    huge = tmp_path / "huge.wav"
    with huge.open("wb") as file:
        file.truncate(31 * 1024**2)

    answer = submit(http, huge)

    assert (answer.status_code, answer.json()["error_code"]) == (413, "UPLOAD_TOO_LARGE")


def test_queued_tasks_can_be_cancelled_and_running_ones_only_by_force(http: httpx.Client, long_speech: Path) -> None:
    running = submit(http, long_speech).json()["task_id"]
    queued = submit(http, long_speech).json()["task_id"]
    wait_until(lambda: status(http, running)["status"] == "processing", 60, "the first task runs")

    assert status(http, queued)["queue_position"] == 1
    assert http.delete(f"/api/v1/tasks/{queued}").json() == {
        "status": "cancelled",
        "task_id": queued,
        "message": "Task cancelled successfully",
    }
    assert status(http, queued)["status"] == "cancelled"
    refused = http.delete(f"/api/v1/tasks/{running}")
    assert (refused.status_code, refused.json()["status"]) == (400, "error")
    early = http.get(f"/api/v1/tasks/{running}/video")
    assert (early.status_code, early.json()["error_code"]) == (400, "TASK_NOT_COMPLETED")
    wait_until(lambda: status(http, running)["progress"] > 5, 60, "frames are made")
    assert http.delete(f"/api/v1/tasks/{running}?force=true").status_code == 200
    assert status(http, running)["status"] == "cancelled"
    assert http.delete(f"/api/v1/tasks/{running}").status_code == 400


def test_the_list_is_newest_first_filtered_and_paged(http: httpx.Client, completed: str, short_speech: Path) -> None:
    newest = submit(http, short_speech).json()["task_id"]

    everything = http.get("/api/v1/tasks").json()
    first = http.get("/api/v1/tasks?limit=1").json()
    second = http.get(f"/api/v1/tasks?limit=1&cursor={first['next_cursor']}").json()

    assert next(iter(everything["tasks"])) == newest
    assert everything["count"] == len(everything["tasks"])
    assert everything["next_cursor"] is None
    assert [*first["tasks"], *second["tasks"]] == list(everything["tasks"])[:2]
    done = http.get("/api/v1/tasks?status=completed").json()["tasks"]
    assert completed in done
    assert {task["status"] for task in done.values()} == {"completed"}


def test_progress_never_goes_down_and_events_end_with_the_final_status(http: httpx.Client, short_speech: Path) -> None:
    task_id = submit(http, short_speech).json()["task_id"]
    seen: list[dict[str, Any]] = []
    ids: list[int] = []

    with http.stream("GET", f"/api/v1/tasks/{task_id}/events", timeout=60) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data: "):
                seen.append(httpx.Response(200, content=line[6:]).json())
            if line.startswith("id: "):
                ids.append(int(line[4:]))

    progress = [event["progress"] for event in seen]
    assert progress == sorted(progress)
    assert ids == sorted(set(ids))
    assert seen[-1]["status"] == "completed"
    with http.stream("GET", f"/api/v1/tasks/{task_id}/events", headers={"Last-Event-ID": str(ids[-2])}) as stream:
        replayed = [line for line in stream.iter_lines() if line.startswith("id: ")]
    assert replayed == [f"id: {ids[-1]}"]


def test_the_preprocessing_cache_hits_on_the_second_time_unless_told_not_to(
    http: httpx.Client, short_speech: Path
) -> None:
    def log_of(use_cache: str) -> str:
        task_id = submit(http, short_speech, use_cache=use_cache).json()["task_id"]
        wait_until(lambda: status(http, task_id)["status"] in TERMINAL, 120, "the task ends")
        return str(http.get(f"/api/v1/tasks/{task_id}/logs").json()["logs"])

    log_of("true")
    assert "(hit)" in log_of("yes")
    assert "(hit)" not in log_of("0")
