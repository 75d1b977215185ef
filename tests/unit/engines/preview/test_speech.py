from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.engines.base import SpeechTrack
from emo_hallo_ray.engines.preview.speech.embedder import PreviewSpeechEmbedder
from emo_hallo_ray.engines.preview.speech.visemes import MOUTH_CURVES

from .conftest import track_of, write_speech

JAW = MOUTH_CURVES.index("jaw")


@pytest.mark.parametrize("cut", [80, 16, 37])
def test_curves_are_equal_wherever_the_recording_is_cut(track: SpeechTrack, mouth: np.ndarray, cut: int) -> None:
    embedder = PreviewSpeechEmbedder()

    before = embedder.embed(track, 0, cut)["mouth"]
    after = embedder.embed(track, cut, track.n_frames - cut)["mouth"]

    assert np.array_equal(np.concatenate([before, after]), mouth)


@pytest.mark.parametrize("n_frames", [1, 7, 80])
def test_there_is_a_row_for_each_frame_even_at_the_very_end(track: SpeechTrack, n_frames: int) -> None:
    rows = PreviewSpeechEmbedder().embed(track, track.n_frames - n_frames, n_frames)["mouth"]

    assert rows.shape == (n_frames, len(MOUTH_CURVES))
    assert rows.dtype == np.float32


def test_equal_recordings_give_equal_bytes(track: SpeechTrack) -> None:
    first, second = (PreviewSpeechEmbedder().embed(track, 10, 60)["mouth"] for _ in range(2))

    assert first.tobytes() == second.tobytes()


def test_speaker_who_steps_back_goes_on_moving_the_mouth_as_before(tmp_path: Path, speech_samples: np.ndarray) -> None:
    minute = np.tile(speech_samples, 7)[: 60 * 16_000]
    track = track_of(write_speech(tmp_path / "steps_back.wav", np.concatenate([minute, minute / 10])))

    mouth = PreviewSpeechEmbedder().embed(track, 0, track.n_frames)["mouth"]

    loud, faint = mouth[30 * 25 : 35 * 25], mouth[90 * 25 : 95 * 25]
    assert np.corrcoef(loud[:, JAW], faint[:, JAW])[0, 1] > 0.97
    assert faint[:, JAW].mean() == pytest.approx(loud[:, JAW].mean(), rel=0.05)


def test_cut_makes_no_difference_where_the_level_changes(tmp_path: Path, speech_samples: np.ndarray) -> None:
    fading = np.tile(speech_samples, 4) * np.linspace(1, 0.1, 4 * len(speech_samples))
    track = track_of(write_speech(tmp_path / "fading.wav", fading))
    embedder = PreviewSpeechEmbedder()

    whole = embedder.embed(track, 0, track.n_frames)["mouth"]
    parts = [embedder.embed(track, first, 16)["mouth"] for first in range(400, 480, 16)]

    assert np.array_equal(np.concatenate(parts), whole[400:480])
