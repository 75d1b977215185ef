from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.engines.base import SpeechTrack
from emo_hallo_ray.engines.preview.speech.embedder import PreviewSpeechEmbedder
from emo_hallo_ray.engines.preview.speech.loudness import Loudness
from emo_hallo_ray.engines.preview.speech.recognition import recognize_visemes
from emo_hallo_ray.engines.preview.speech.visemes import MOUTH_CURVES, SILENCE

from .conftest import track_of, write_speech

JAW, CLOSE, REST = (MOUTH_CURVES.index(name) for name in ("jaw", "close", "rest"))


def curves(path: Path, samples: np.ndarray) -> np.ndarray:
    track = track_of(write_speech(path, samples))
    return PreviewSpeechEmbedder().embed(track, 0, track.n_frames)["mouth"]


def test_posteriors_are_probabilities_and_know_silence(tmp_path: Path, speech_samples: np.ndarray) -> None:
    track = track_of(write_speech(tmp_path / "padded.wav", np.pad(speech_samples, (0, 16_000))))

    loudness = Loudness.from_arrays(track.loudness)
    posteriors = recognize_visemes(track.path, loudness, 0, track.n_samples // 160).posteriors

    assert posteriors.sum(axis=1) == pytest.approx(1, abs=1e-4)
    assert posteriors[-60:-20, SILENCE].min() > 0.8
    assert posteriors[:, SILENCE].mean() < 0.5


def test_mouth_opens_and_closes_several_times_a_second(mouth: np.ndarray) -> None:
    opening = mouth[:, JAW] * (1 - mouth[:, CLOSE])
    crossings = np.count_nonzero(np.diff(opening > opening.mean()))

    assert opening.max() > 0.5
    assert opening.min() < 0.05
    assert 2 < crossings / 2 / (len(mouth) / 25) < 7


def test_amounts_stay_in_range(mouth: np.ndarray) -> None:
    limits = {"jaw": (0, 1), "width": (-1, 1)}
    for i, name in enumerate(MOUTH_CURVES):
        low, high = limits.get(name, (0, 1))
        assert low - 1e-6 <= mouth[:, i].min() <= mouth[:, i].max() <= high, name


def test_lips_close_on_labials(tmp_path: Path, mouth: np.ndarray) -> None:
    # "welcome", "Emo", "Bring", "portrait", "speech", "move", "lips", "blink", "make", "picture": ten and more
    closures = np.count_nonzero(np.diff((mouth[:, CLOSE] > 0.5).astype(int)) == 1)

    assert 5 <= closures <= 20


def test_quiet_copy_makes_the_same_mouth(tmp_path: Path, mouth: np.ndarray, speech_samples: np.ndarray) -> None:
    quiet = curves(tmp_path / "quiet.wav", speech_samples / 8)

    assert np.abs(quiet - mouth).mean() < 0.02


def test_mouth_waits_in_short_pauses_and_rests_in_long_ones(tmp_path: Path, speech_samples: np.ndarray) -> None:
    words = speech_samples[: 2 * 16_000]
    short, long = (np.concatenate([words, np.zeros(int(s * 16_000)), words]) for s in (0.25, 3.0))

    assert curves(tmp_path / "short.wav", short)[48:58, REST].max() < 0.2
    assert curves(tmp_path / "long.wav", long)[75:105, REST].min() > 0.9


def test_silence_keeps_the_mouth_shut(tmp_path: Path) -> None:
    silent = curves(tmp_path / "silent.wav", np.zeros(2 * 16_000))

    assert silent[:, JAW].max() < 0.05


def test_mouth_opens_with_the_sound_and_not_later(
    tmp_path: Path, speech_samples: np.ndarray, track: SpeechTrack
) -> None:
    late = curves(tmp_path / "late.wav", np.concatenate([np.zeros(16_000), speech_samples]))
    mouth = PreviewSpeechEmbedder().embed(track, 0, track.n_frames)["mouth"]

    assert late[25:, JAW][10:-10] == pytest.approx(mouth[:, JAW][10:-10], abs=0.1)
