"""The power fails while tasks are queued and running: nothing is lost, and the frames are those of a quiet day."""

from pathlib import Path

import numpy as np
import pytest

from emo_hallo.client import Hallo2Client
from emo_hallo_ray.media.video import probe_video, read_frames
from emo_hallo_ray.render import RenderRequest, render
from emo_hallo_ray.settings import Settings
from tests.e2e.conftest import PORTRAIT, SPEECH, cut_speech
from tests.live_service import live_service, wait_until

SETTINGS = {"tasks__lease_s": "3"}


@pytest.fixture(scope="module")
def long_speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough speech for several segments."""
    return cut_speech(SPEECH, tmp_path_factory.mktemp("speech") / "long.wav", seconds=9, repeat=3)


@pytest.mark.timeout(600)
def test_killing_the_whole_service_loses_no_task_and_changes_no_frame(
    tmp_path: Path, long_speech: Path, short_speech: Path
) -> None:
    storage = tmp_path / "storage"
    with (
        live_service(tmp_path / "first", storage, settings=SETTINGS) as service,
        Hallo2Client(service.base_url) as client,
    ):
        running = client.inference(image_path=PORTRAIT, audio_path=long_speech, seed=3)
        queued = client.inference(image_path=PORTRAIT, audio_path=short_speech, seed=4, upscale=2)
        folder = storage / "tasks" / running / "segments"
        wait_until(lambda: len(list(folder.glob("[0-9]*.mp4"))) >= 3, 120, "three segments are finished")
        progress = client.status(running).progress
        service.kill()

    with (
        live_service(tmp_path / "second", storage, settings=SETTINGS) as service,
        Hallo2Client(service.base_url) as client,
    ):
        assert client.status(running).progress >= progress
        tasks = [client.wait(task_id, timeout_s=240) for task_id in (running, queued)]
        logs = client.logs(running)
        client.download(running, tmp_path / "resumed.mp4")

    assert [task.status for task in tasks] == ["completed", "completed"]
    assert [task.attempts for task in tasks] == [2, 1]
    assert "resuming after segment" in logs
    quiet = render_quietly(long_speech, tmp_path / "quiet.mp4", seed=3)
    assert_same_frames(tmp_path / "resumed.mp4", quiet)


def render_quietly(audio: Path, output: Path, seed: int) -> Path:
    request = RenderRequest(image=PORTRAIT, audio=audio, output=output, seed=seed, use_cache=False)
    settings = Settings.model_validate({"storage": {"root": output.parent / "quiet-storage"}})
    render(request, lambda percent, message: None, settings)
    return output


def assert_same_frames(first: Path, second: Path) -> None:
    n_frames = probe_video(first).n_frames
    assert probe_video(second).n_frames == n_frames
    for start in range(0, n_frames, 100):
        assert np.array_equal(read_frames(first, start, 100), read_frames(second, start, 100))
