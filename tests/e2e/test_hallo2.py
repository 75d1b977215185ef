"""The whole service with the hallo2 engine on small models in the released layout: from upload to MP4, on a CPU."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from emo_hallo.client import Hallo2Client
from emo_hallo.models import Task
from emo_hallo_ray.media.video import read_frames
from emo_hallo_ray.weights.layout import WeightsLayout
from tests.e2e.conftest import PORTRAIT, SPEECH, cut_speech
from tests.e2e.frames import assert_same_frames
from tests.live_service import LiveService, live_service, start, wait_until
from tests.tiny_models.pretrained import write_pretrained_models

STEPS = 2
FRAME_PX = 256  # attention grows with the fourth power of it


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> WeightsLayout:
    return write_pretrained_models(tmp_path_factory.mktemp("weights") / "pretrained_models")


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.1 s: two clips, the last one not full."""
    return cut_speech(SPEECH, tmp_path_factory.mktemp("speech") / "short.wav", seconds=1.1, repeat=1)


def settings_for(weights: WeightsLayout) -> dict[str, str]:
    """Each clip is a segment, so that there is something to go on from."""
    return {
        "weights__root": str(weights.root),
        "video__clips_per_segment": "1",
        "video__frame_px": str(FRAME_PX),
        "tasks__lease_s": "4",
    }


@pytest.fixture(scope="module")
def hallo2(weights: WeightsLayout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    with live_service(tmp_path_factory.mktemp("hallo2"), settings=settings_for(weights)) as service:
        yield service


def submit(client: Hallo2Client, speech: Path, **options: object) -> str:
    return client.inference(
        image_path=PORTRAIT, audio_path=speech, engine="hallo2", seed=3, **{"inference_steps": STEPS, **options}
    )


@dataclass(frozen=True)
class Finished:
    """A task that nothing disturbed: what it said meanwhile, and what came out."""

    task: Task
    messages: set[str]
    log: str
    video: Path


@pytest.fixture(scope="module")
def finished(hallo2: LiveService, speech: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    messages: set[str] = set()
    with Hallo2Client(hallo2.base_url) as client:
        task_id = submit(client, speech)

        def is_done() -> bool:
            task = client.status(task_id)
            messages.add(task.status_message)
            return task.status in ("completed", "failed")

        wait_until(is_done, 150, "the task ends")
        task = client.status(task_id)
        assert task.status == "completed", task.error
        video = tmp_path_factory.mktemp("finished") / "out.mp4"
        client.download(task_id, video)
        return Finished(task, messages, client.logs(task_id), video)


def test_from_upload_to_video(finished: Finished) -> None:
    result = finished.task.result
    assert result is not None
    assert (result["engine"], result["frames"], result["width"], result["height"]) == ("hallo2", 28, FRAME_PX, FRAME_PX)
    frames = read_frames(finished.video, 0, 100)
    assert frames.shape == (28, FRAME_PX, FRAME_PX, 3)
    assert frames.std() > 5
    assert "vocals separated with Kim_Vocal_2.onnx" in finished.log
    assert any("step 1 of 2" in message for message in finished.messages), finished.messages


def test_the_same_request_gives_the_same_frames_from_the_cache(
    hallo2: LiveService, finished: Finished, speech: Path, tmp_path: Path
) -> None:
    with Hallo2Client(hallo2.base_url) as client:
        task_id = submit(client, speech)
        client.wait(task_id, timeout_s=150)
        client.download(task_id, tmp_path / "again.mp4")
        log = client.logs(task_id)
    assert "portrait taken from the preprocessing cache (hit)" in log
    assert "speech taken from the preprocessing cache (hit)" in log
    assert_same_frames(tmp_path / "again.mp4", finished.video)


@pytest.mark.slow
def test_a_task_goes_on_after_a_power_cut_with_the_same_frames(
    weights: WeightsLayout, finished: Finished, speech: Path, tmp_path: Path
) -> None:
    storage = tmp_path / "storage"
    running = start(tmp_path / "before", storage, settings=settings_for(weights))
    try:
        with Hallo2Client(running.base_url) as client:
            task_id = submit(client, speech)
            segments = storage / "tasks" / task_id / "segments"
            wait_until(lambda: any(segments.glob("[0-9]*.mp4")), 90, "a segment is finished")
    finally:
        running.kill()
    with (
        live_service(tmp_path / "after", storage, settings=settings_for(weights)) as running,
        Hallo2Client(running.base_url) as client,
    ):
        assert client.wait(task_id, timeout_s=150).attempts == 2
        client.download(task_id, tmp_path / "interrupted.mp4")
        assert "resuming after segment" in client.logs(task_id)
    assert_same_frames(tmp_path / "interrupted.mp4", finished.video)


def test_auto_takes_the_preview_where_there_is_no_gpu(hallo2: LiveService) -> None:
    engines = httpx.get(f"{hallo2.base_url}/api/v1/health").json()["engines"]
    assert engines["hallo2"]["available"]
    with Hallo2Client(hallo2.base_url) as client:
        task_id = client.inference(image_path=PORTRAIT, audio_path=SPEECH)
        task = client.wait(task_id, timeout_s=120)
    if "no GPU" not in (task.engine_reason or ""):
        pytest.skip("this machine has a GPU")
    assert task.engine == "preview"


def test_a_file_that_breaks_fails_the_task_and_names_itself(
    weights: WeightsLayout, speech: Path, tmp_path: Path
) -> None:
    broken = write_pretrained_models(tmp_path / "pretrained_models")
    whole = broken.hallo2_net.read_bytes()
    broken.hallo2_net.write_bytes(whole[: len(whole) // 2])
    command = [sys.executable, "-m", "emo_hallo_ray.cli", "render", "--engine", "hallo2"]
    files = ["--image", PORTRAIT, "--audio", speech, "--output", tmp_path / "out.mp4"]
    roots = {"EMO_HALLO_WEIGHTS__ROOT": str(broken.root), "EMO_HALLO_STORAGE__ROOT": str(tmp_path / "storage")}
    run = subprocess.run(
        [*command, *files], capture_output=True, text=True, env=os.environ | roots, timeout=150, check=False
    )
    assert run.returncode == 1
    assert "hallo2/net.pth cannot be used" in run.stderr
    assert "emo-hallo models download" in run.stderr
    assert not (tmp_path / "out.mp4").exists()
