"""Watching a video while it is made, and looking at files before."""

import io
import subprocess
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from emo_hallo.client import Hallo2Client
from emo_hallo_ray.media.ffmpeg import ffmpeg_path
from tests.e2e.conftest import PORTRAIT, SPEECH, cut_speech

FIRST_SEGMENT_S = 15.0  # on two cores with the preview engine


@pytest.fixture(scope="module")
def long_speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Long enough for four segments."""
    return cut_speech(SPEECH, tmp_path_factory.mktemp("speech") / "long.wav", seconds=5.5, repeat=2)


def test_a_video_can_be_watched_soon_and_to_its_end_while_it_is_made(
    http: httpx.Client, client: Hallo2Client, long_speech: Path, tmp_path: Path
) -> None:
    started = time.monotonic()
    task_id = client.inference(PORTRAIT, long_speech)
    address = f"/api/v1/tasks/{task_id}/stream.m3u8"
    seen: list[str] = []
    while "ENDLIST" not in (playlist := http.get(address).raise_for_status().text):
        parts = [line for line in playlist.splitlines() if line.endswith(".m4s")]
        if parts and not seen:
            first = tmp_path / "first.mp4"
            content = [http.get(f"/api/v1/tasks/{task_id}/{part}").content for part in ("stream/init.mp4", parts[0])]
            first.write_bytes(b"".join(content))
            assert time.monotonic() - started < FIRST_SEGMENT_S
            assert client.status(task_id).raw["stream_url"] == address
        assert parts[: len(seen)] == seen  # what was there stays
        seen = parts
        assert time.monotonic() - started < 120
        time.sleep(0.2)

    assert len(frames_of(str(first))) == 80
    result = client.status(task_id).raw["result"]
    assert playlist.count("#EXTINF") == 4
    assert len(frames_of(str(http.base_url.join(address)))) == result["frames"]
    assert client.status(task_id).raw["stream_url"] is None
    assert http.get(address).headers["content-type"] == "application/vnd.apple.mpegurl"


def frames_of(source: str) -> list[str]:
    """A line per frame that decodes without a complaint."""
    args = ["-v", "error", "-xerror", "-i", source, "-map", "0:v", "-f", "framecrc", "pipe:1"]
    dump = subprocess.run([ffmpeg_path(), *args], capture_output=True, text=True, check=True, timeout=60).stdout
    return [line for line in dump.splitlines() if not line.startswith("#")]


def test_the_time_left_is_told_from_the_first_clip_on(client: Hallo2Client, long_speech: Path) -> None:
    started = time.monotonic()
    told: list[tuple[float, float]] = [
        (time.monotonic() - started, task.raw["eta_seconds"])
        for task in client.events(client.inference(PORTRAIT, long_speech, seed=2))
        if task.raw["eta_seconds"] is not None
    ]
    took = time.monotonic() - started

    assert len(told) >= 5
    middle, left = told[len(told) // 2]
    assert left == pytest.approx(took - middle, rel=0.6, abs=2.0)


def test_whoever_waits_hears_of_its_place_in_the_queue(
    client: Hallo2Client, long_speech: Path, short_speech: Path
) -> None:
    running = client.inference(PORTRAIT, long_speech, seed=3)
    ahead, behind = (client.inference(PORTRAIT, short_speech, seed=seed) for seed in (4, 5))
    positions = []
    for task in client.events(behind):
        if task.queue_position is not None and task.queue_position not in positions:
            positions.append(task.queue_position)
        if positions == [2]:
            client.cancel(ahead)
    client.wait(running)

    assert positions == [2, 1]


def test_an_unknown_part_is_told_from_one(http: httpx.Client, completed: str) -> None:
    for name in ("00099-1.m4s", "x", "..%2f..%2ftask.json", "00000-1.mp4"):
        answer = http.get(f"/api/v1/tasks/{completed}/stream/{name}")
        assert (answer.status_code, answer.json()["error_code"][-9:]) == (404, "NOT_FOUND")


def test_the_thumbnail_shows_the_portrait_and_then_the_first_frame(
    http: httpx.Client, client: Hallo2Client, completed: str, long_speech: Path, short_speech: Path
) -> None:
    running = client.inference(PORTRAIT, long_speech, seed=6)
    waiting = client.inference(PORTRAIT, short_speech, seed=7)

    portrait, frame = (http.get(f"/api/v1/tasks/{task_id}/thumbnail") for task_id in (waiting, completed))
    client.cancel(waiting)
    client.cancel(running, force=True)

    original = Image.open(PORTRAIT)
    assert portrait.headers["content-type"] == frame.headers["content-type"] == "image/jpeg"
    sizes = [Image.open(io.BytesIO(answer.content)).size for answer in (portrait, frame)]
    assert [max(size) for size in sizes] == [320, 320]
    assert sizes[0][0] / sizes[0][1] == pytest.approx(original.width / original.height, rel=0.01)
    small = original.convert("RGB").resize(sizes[0], Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(Image.open(io.BytesIO(portrait.content)), int) - np.asarray(small)).mean() < 4


def test_files_can_be_looked_at_without_a_task(http: httpx.Client, short_speech: Path) -> None:
    before = http.get("/api/v1/tasks").json()["count"]

    both = inspect(http, image_file=PORTRAIT.read_bytes(), audio_file=short_speech.read_bytes()).json()
    image_only = inspect(http, image_file=PORTRAIT.read_bytes()).json()

    left, top, right, bottom = both["image"]["face"]
    inside = [left < x < right and top < y < bottom for x, y in both["image"]["points"]]
    assert 0 <= left < right <= 1
    assert len(inside) == 478
    assert np.mean(inside) > 0.8
    assert max(max(line) for line in both["image"]["lines"]) == 467
    assert both["audio"]["duration"] == pytest.approx(1.5, abs=0.01)
    assert image_only == both | {"audio": None}
    assert http.get("/api/v1/tasks").json()["count"] == before


def test_a_look_refuses_what_a_task_would_refuse(http: httpx.Client, service: object) -> None:
    assert inspect(http, image_file=b"no picture").json()["error_code"] == "INVALID_IMAGE_FORMAT"
    assert inspect(http, audio_file=b"no sound").json()["error_code"] == "INVALID_AUDIO_FORMAT"
    assert inspect(http, other_file=b"x").json()["error_code"] == "INVALID_PARAMETER"
    nothing = http.post("/api/v1/inspect", files={"a": (None, "b")})
    assert (nothing.status_code, nothing.json()["error_code"]) == (400, "INVALID_PARAMETER")


def inspect(http: httpx.Client, **files: bytes) -> httpx.Response:
    return http.post("/api/v1/inspect", files={name: ("x", content) for name, content in files.items()})
