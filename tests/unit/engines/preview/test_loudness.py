from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.engines.preview.loudness import BIN_DB, Loudness, measure_loudness

from .conftest import write_speech


def measure(path: Path, samples: np.ndarray) -> Loudness:
    return measure_loudness(write_speech(path, samples), len(samples))


def test_quieter_copy_differs_by_its_gain_alone(tmp_path: Path, speech_samples: np.ndarray) -> None:
    loud = measure(tmp_path / "loud.wav", speech_samples)
    quiet = measure(tmp_path / "quiet.wav", speech_samples / 10)

    assert loud.level_db - quiet.level_db == pytest.approx(20, abs=BIN_DB)
    assert loud.mel_mean_db - quiet.mel_mean_db == pytest.approx(20, abs=0.7)


def test_silence_around_speech_does_not_change_its_mean(tmp_path: Path, speech_samples: np.ndarray) -> None:
    alone = measure(tmp_path / "alone.wav", speech_samples)
    padded = measure(tmp_path / "padded.wav", np.pad(speech_samples, 4 * 16_000))

    assert padded.mel_mean_db == pytest.approx(alone.mel_mean_db, abs=1.0)


def test_recording_of_several_blocks_is_measured_as_a_whole(tmp_path: Path, speech_samples: np.ndarray) -> None:
    once = measure(tmp_path / "once.wav", speech_samples)
    often = measure(tmp_path / "often.wav", np.tile(speech_samples, 8))  # more than a minute

    assert often.mel_mean_db == pytest.approx(once.mel_mean_db, abs=0.2)
    assert often.bright_db == pytest.approx(once.bright_db, abs=BIN_DB)


def test_silent_recording_can_be_measured(tmp_path: Path) -> None:
    loudness = measure(tmp_path / "silent.wav", np.zeros(16_000))

    assert np.all(np.isfinite(loudness.mel_mean_db))


def test_loudness_survives_as_arrays(tmp_path: Path, speech_samples: np.ndarray) -> None:
    loudness = measure(tmp_path / "speech.wav", speech_samples)

    again = Loudness.from_arrays(loudness.to_arrays())

    assert again.level_db == loudness.level_db
    assert np.array_equal(again.mel_mean_db, loudness.mel_mean_db)
