import numpy as np
import pytest

from emo_hallo_ray.engines.base import SpeechTrack
from emo_hallo_ray.engines.preview.speech import PreviewSpeechEmbedder
from emo_hallo_ray.engines.preview.visemes import MOUTH_CURVES


@pytest.mark.parametrize("cut", [80, 16, 37])
def test_curves_are_equal_wherever_the_recording_is_cut(track: SpeechTrack, mouth: np.ndarray, cut: int) -> None:
    embedder = PreviewSpeechEmbedder()

    before = embedder.embed(track, 0, cut)["mouth"]
    after = embedder.embed(track, cut, track.n_frames - cut)["mouth"]

    assert np.abs(np.concatenate([before, after]) - mouth).max() < 1e-4


@pytest.mark.parametrize("n_frames", [1, 7, 80])
def test_there_is_a_row_for_each_frame_even_at_the_very_end(track: SpeechTrack, n_frames: int) -> None:
    rows = PreviewSpeechEmbedder().embed(track, track.n_frames - n_frames, n_frames)["mouth"]

    assert rows.shape == (n_frames, len(MOUTH_CURVES))
    assert rows.dtype == np.float32


def test_equal_recordings_give_equal_bytes(track: SpeechTrack) -> None:
    first, second = (PreviewSpeechEmbedder().embed(track, 10, 60)["mouth"] for _ in range(2))

    assert first.tobytes() == second.tobytes()
