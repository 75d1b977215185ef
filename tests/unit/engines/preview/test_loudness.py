from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.engines.preview.speech.features import HOPS_PER_S
from emo_hallo_ray.engines.preview.speech.loudness import BIN_DB, Loudness, measure_loudness

from .conftest import write_speech


def measure(path: Path, samples: np.ndarray) -> Loudness:
    return measure_loudness(write_speech(path, samples), len(samples))


def test_quieter_copy_differs_by_its_gain_alone(tmp_path: Path, speech_samples: np.ndarray) -> None:
    loud = measure(tmp_path / "loud.wav", speech_samples)
    quiet = measure(tmp_path / "quiet.wav", speech_samples / 10)

    assert loud.level_db - quiet.level_db == pytest.approx(20, abs=BIN_DB)
    assert loud.mel_mean_db - quiet.mel_mean_db == pytest.approx(20, abs=0.7)


def test_silence_around_speech_does_not_change_its_mean(tmp_path: Path, speech_samples: np.ndarray) -> None:
    alone = measure(tmp_path / "alone.wav", speech_samples).at(450, 1)
    padded = measure(tmp_path / "padded.wav", np.pad(speech_samples, 4 * 16_000)).at(850, 1)

    assert padded.mel_mean_db == pytest.approx(alone.mel_mean_db, abs=1.5)


def test_recording_of_one_speaker_has_the_same_figures_throughout(tmp_path: Path, speech_samples: np.ndarray) -> None:
    once = measure(tmp_path / "once.wav", speech_samples).at(0, 1)
    often = measure(tmp_path / "often.wav", np.tile(speech_samples, 8))  # more than a minute

    assert len(often.bright_db) == 15
    assert np.abs(often.mel_mean_db - once.mel_mean_db).max() < 2
    assert np.abs(often.bright_db - once.bright_db).max() <= 2


def test_speaker_who_steps_back_is_followed_within_half_a_minute(tmp_path: Path, speech_samples: np.ndarray) -> None:
    minute = np.tile(speech_samples, 7)
    loudness = measure(tmp_path / "steps_back.wav", np.concatenate([minute, minute / 10]))

    change = len(minute) // 160
    before, after = loudness.at(change - 30 * HOPS_PER_S, 1), loudness.at(change + 30 * HOPS_PER_S, 1)

    assert before.level_db - after.level_db == pytest.approx(20, abs=1)
    assert before.mel_mean_db - after.mel_mean_db == pytest.approx(20, abs=1.5)


def test_long_pause_takes_its_figures_from_the_speech_around_it(tmp_path: Path, speech_samples: np.ndarray) -> None:
    hiss = 1e-4 * np.random.default_rng(1).standard_normal(120 * 16_000)
    loudness = measure(tmp_path / "pause.wav", np.concatenate([speech_samples, hiss, speech_samples]))

    assert np.ptp(loudness.bright_db) < 3


def test_figures_between_blocks_are_interpolated_and_do_not_depend_on_where_one_asks(
    tmp_path: Path, speech_samples: np.ndarray
) -> None:
    quieter = np.concatenate([np.tile(speech_samples, 3), np.tile(speech_samples, 3) / 4])
    loudness = measure(tmp_path / "quieter.wav", quieter)

    whole = loudness.at(-100, 6000)
    part = loudness.at(2345, 100)

    assert np.array_equal(whole.mel_mean_db[2445:2545], part.mel_mean_db)
    assert np.abs(np.diff(whole.bright_db)).max() < 0.05


def test_silent_recording_can_be_measured(tmp_path: Path) -> None:
    loudness = measure(tmp_path / "silent.wav", np.zeros(16_000))

    assert np.all(np.isfinite(loudness.mel_mean_db))


def test_table_of_an_hour_stays_small(speech_samples: np.ndarray, tmp_path: Path) -> None:
    two_minutes = measure(tmp_path / "two_minutes.wav", np.tile(speech_samples, 13)[: 120 * 16_000])

    assert sum(array.nbytes for array in two_minutes.to_arrays().values()) * 30 < 100_000


def test_loudness_survives_as_arrays(tmp_path: Path, speech_samples: np.ndarray) -> None:
    loudness = measure(tmp_path / "speech.wav", speech_samples)

    again = Loudness.from_arrays(loudness.to_arrays())

    assert np.array_equal(again.level_db, loudness.level_db)
    assert np.array_equal(again.mel_mean_db, loudness.mel_mean_db)
