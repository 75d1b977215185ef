"""What comes out is what was promised: codec, length, sound, provenance, and a face that moves."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from emo_hallo.client import Hallo2Client
from emo_hallo_ray.media.ffmpeg import ffmpeg_path
from emo_hallo_ray.media.video import probe_video, read_frames
from tests.e2e.conftest import PORTRAIT


@pytest.fixture(scope="module")
def video(client: Hallo2Client, completed: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "out.mp4"
    client.download(completed, path)
    return path


def test_the_video_is_h264_at_25_frames_a_second_with_sound_of_the_same_length(video: Path) -> None:
    text = subprocess.run([str(ffmpeg_path()), "-hide_banner", "-i", video], capture_output=True, text=True).stderr
    info = probe_video(video)

    assert "h264 (High)" in text
    assert "yuv420p" in text
    assert "25 fps" in text
    assert "Audio: aac" in text
    assert info.n_frames == 38
    assert abs(info.duration_s - info.audio_duration_s) <= 1 / 25


def test_the_video_says_that_it_is_generated_by_what_and_from_which_seed(video: Path, completed: str) -> None:
    text = subprocess.run([str(ffmpeg_path()), "-hide_banner", "-i", video], capture_output=True, text=True).stderr

    for fact in ("AI-generated", "engine=preview", "seed=7", f"task_id={completed}"):
        assert fact in text


def test_the_index_comes_before_the_pictures_so_that_players_can_start_at_once(video: Path) -> None:
    content = video.read_bytes()

    assert 0 < content.find(b"moov") < content.find(b"mdat")


def test_the_mouth_moves_and_the_corners_of_the_picture_do_not(video: Path) -> None:
    frames = read_frames(video, 0, 38).astype(np.float32)

    motion = frames.std(axis=0).mean(axis=-1)
    assert motion.max() > 8
    assert motion[:24, :24].mean() < 2
    assert motion[-24:, -24:].mean() < 2


@pytest.mark.parametrize("factor", [2, 4])
def test_upscaling_enlarges_the_video_and_is_named_for_what_it_is(
    client: Hallo2Client, short_speech: Path, factor: int
) -> None:
    task_id = client.inference(image_path=PORTRAIT, audio_path=short_speech, upscale=factor)

    result = client.wait(task_id, timeout_s=180).result

    assert result is not None
    assert (result["width"], result["height"]) == (512 * factor, 512 * factor)
    assert result["upscaling"] == "lanczos"
