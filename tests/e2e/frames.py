"""The frames of a quiet day, and whether others are the same."""

from pathlib import Path

import numpy as np

from emo_hallo_ray.media.video import probe_video, read_frames
from emo_hallo_ray.render import RenderRequest, render
from emo_hallo_ray.settings import Settings
from tests.e2e.conftest import PORTRAIT


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
