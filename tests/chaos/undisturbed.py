"""The frames that each request has on a quiet day."""

import hashlib
import math
from dataclasses import replace
from functools import cache
from pathlib import Path

from emo_hallo_ray.media.video import probe_video, read_frames
from emo_hallo_ray.render import RenderRequest, render
from emo_hallo_ray.settings import Settings
from tests.chaos.engine import EXTRA
from tests.chaos.plan import PlannedTask
from tests.e2e.conftest import PORTRAIT, SPEECH, cut_speech

FRAME_PX = 256
SAMPLE_S = 9.0


def speech_of(n_clips: int, folder: Path) -> Path:
    """A recording of so many clips of 16 frames; a long one repeats its first nine seconds."""
    path, seconds = folder / f"speech-{n_clips}.wav", n_clips * 16 / 25
    if not path.exists():
        cut_speech(SPEECH, path, seconds=min(seconds, SAMPLE_S), repeat=math.ceil(seconds / SAMPLE_S))
    return path


def quiet_frames(task: PlannedTask, folder: Path) -> str:
    """A digest of all frames of a run without faults, without a server."""
    return _quiet_frames(replace(task, cancel_after_s=None), folder)


@cache
def _quiet_frames(task: PlannedTask, folder: Path) -> str:
    output = folder / f"quiet-{task.engine}-{task.seed}-{task.upscale}-{task.n_clips}.mp4"
    settings = Settings.model_validate(
        {
            "storage": {"root": folder / "quiet-storage"},
            "engine": {"extra": EXTRA},
            "video": {"frame_px": FRAME_PX, "clips_per_segment": 1},
        }
    )
    request = RenderRequest(
        image=PORTRAIT,
        audio=speech_of(task.n_clips, folder),
        output=output,
        engine=task.engine,
        seed=task.seed,
        upscale=task.upscale,
    )
    render(request, lambda percent, message: None, settings)
    return frames_digest(output)


def frames_digest(video: Path) -> str:
    """SHA-256 of the decoded frames."""
    digest = hashlib.sha256()
    n_frames = probe_video(video).n_frames
    for start in range(0, n_frames, 100):
        digest.update(read_frames(video, start, 100).tobytes())
    return f"{n_frames} {digest.hexdigest()}"
