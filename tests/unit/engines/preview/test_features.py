from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.engines.base import SpeechTrack
from emo_hallo_ray.engines.preview.speech.features import N_MELS, read_spectrum, spectrum_of

from .conftest import write_speech


def tone(hz: float, seconds: float = 0.5, amplitude: float = 0.3) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(int(16_000 * seconds)) / 16_000)


def test_higher_tones_are_heard_in_higher_bands(tmp_path: Path) -> None:
    paths = [write_speech(tmp_path / f"{hz}.wav", tone(hz)) for hz in (200, 800, 2500, 6000)]

    loudest = [int(read_spectrum(path, 10, 20).mel_db.mean(axis=0).argmax()) for path in paths]

    assert loudest == sorted(set(loudest))
    assert loudest[-1] < N_MELS


def test_ten_times_the_amplitude_is_twenty_decibels_more(tmp_path: Path) -> None:
    quiet, loud = (write_speech(tmp_path / f"{a}.wav", tone(500, amplitude=a)) for a in (0.05, 0.5))

    gain = read_spectrum(loud, 10, 20).level_db - read_spectrum(quiet, 10, 20).level_db

    assert gain == pytest.approx(20, abs=0.05)


def test_hops_are_equal_wherever_a_window_starts(track: SpeechTrack) -> None:
    whole = read_spectrum(track.path, 0, 300)
    parts = [read_spectrum(track.path, first, 100) for first in (0, 100, 200)]

    assert np.concatenate([part.mel_db for part in parts]) == pytest.approx(whole.mel_db, abs=1e-4)
    assert np.concatenate([part.bright_db for part in parts]) == pytest.approx(whole.bright_db, abs=1e-4)


def test_there_is_silence_before_and_after_a_recording(tmp_path: Path) -> None:
    path = write_speech(tmp_path / "tone.wav", tone(500))

    level_db = read_spectrum(path, -50, 150).level_db

    assert level_db[[0, 40, 110, 149]] == pytest.approx(-120)
    assert np.all(level_db[55:95] > 0)


def test_click_lies_in_the_hop_whose_middle_is_nearest(tmp_path: Path) -> None:
    samples = np.zeros(16_000)
    samples[5 * 160 + 80] = 0.9  # the middle of hop 5

    level_db = read_spectrum(write_speech(tmp_path / "click.wav", samples), 0, 100).level_db

    assert int(level_db.argmax()) == 5


def test_recording_in_memory_sounds_as_one_in_a_file(tmp_path: Path) -> None:
    samples = np.rint(tone(700, 0.503) * 32767).astype(np.float32) / 32768

    in_memory = spectrum_of(samples)
    in_file = read_spectrum(write_speech(tmp_path / "tone.wav", tone(700, 0.503)), 0, 51)

    assert in_memory.mel_db == pytest.approx(in_file.mel_db, abs=1e-3)
    assert in_memory.level_db == pytest.approx(in_file.level_db, abs=1e-3)
