"""Whether two videos show the same."""

from pathlib import Path

import numpy as np

from emo_hallo_ray.media.video import probe_video, read_frames


def assert_same_frames(first: Path, second: Path) -> None:
    n_frames = probe_video(first).n_frames
    assert probe_video(second).n_frames == n_frames
    for start in range(0, n_frames, 100):
        assert np.array_equal(read_frames(first, start, 100), read_frames(second, start, 100))
