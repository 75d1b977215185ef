"""Long recordings: bounded stretches that no cut can be seen in."""

from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.speech.encoder import SpeechEncoder
from emo_hallo_ray.speech.recording import Recording
from emo_hallo_ray.speech.stretches import N_KEPT, STRETCH_ROWS, StretchEncoder
from emo_hallo_ray.weights.layout import WeightsLayout

from .conftest import noise, recording_of


class Counting(SpeechEncoder):
    """Counts what it is asked for."""

    calls = 0

    def encode(self, recording: Recording, first_row: int, n_rows: int, n_context_rows: int) -> np.ndarray:
        self.calls += 1
        return super().encode(recording, first_row, n_rows, n_context_rows)


@pytest.fixture
def encoder(layout: WeightsLayout) -> Counting:
    encoder = Counting.load(layout.wav2vec_folder)
    assert isinstance(encoder, Counting)
    return encoder


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return recording_of(tmp_path_factory.mktemp("long") / "long.wav", noise(150 * 16_000 + 1234))


def test_minute_is_encoded_in_one_piece(encoder: Counting, tmp_path: Path) -> None:
    recording = recording_of(tmp_path / "minute.wav", noise(60 * 16_000))

    rows = StretchEncoder(encoder).rows(recording, 0, recording.length.n_rows)

    assert encoder.calls == 1
    assert np.array_equal(rows, encoder.encode(recording, 0, 1504, n_context_rows=0))


@pytest.mark.parametrize("step", [80, 16, 977])
def test_rows_are_equal_wherever_the_recording_is_cut(encoder: Counting, long_recording: Recording, step: int) -> None:
    n_rows = long_recording.length.n_rows
    whole = StretchEncoder(encoder).rows(long_recording, 0, n_rows)
    stretches = StretchEncoder(encoder)

    parts = [stretches.rows(long_recording, first, min(step, n_rows - first)) for first in range(0, n_rows, step)]

    assert np.array_equal(np.concatenate(parts), whole)


def test_each_stretch_of_a_long_recording_is_encoded_once(encoder: Counting, long_recording: Recording) -> None:
    stretches = StretchEncoder(encoder)

    for first in range(0, long_recording.length.n_rows, 80):
        stretches.rows(long_recording, first - 2, 84)

    assert encoder.calls == -(-long_recording.length.n_rows // STRETCH_ROWS) == 3
    assert len(stretches._kept) == N_KEPT


def test_first_and_last_rows_repeat_beyond_the_ends(encoder: Counting, long_recording: Recording) -> None:
    stretches, n_rows = StretchEncoder(encoder), long_recording.length.n_rows
    inside = stretches.rows(long_recording, n_rows - 3, 3)

    beyond = stretches.rows(long_recording, n_rows - 3, 5)

    assert np.array_equal(beyond[:3], inside)
    assert np.array_equal(beyond[3:], inside[[2, 2]])
    start = stretches.rows(long_recording, -2, 3)
    assert np.array_equal(start, start[[2, 2, 2]])


def test_stretches_sound_like_one_piece(encoder: Counting, long_recording: Recording) -> None:
    n_rows = long_recording.length.n_rows
    whole = encoder.encode(long_recording, 0, n_rows, n_context_rows=0)

    rows = StretchEncoder(encoder).rows(long_recording, 0, n_rows)

    assert np.abs(rows - whole).mean() < 0.02 * np.abs(whole).mean()


def test_recordings_of_the_same_name_are_told_apart(encoder: Counting, tmp_path: Path) -> None:
    stretches = StretchEncoder(encoder)

    first = stretches.rows(recording_of(tmp_path / "speech.wav", noise(16_000, seed=1)), 0, 16)
    second = stretches.rows(recording_of(tmp_path / "speech.wav", noise(16_000, seed=2)), 0, 16)

    assert not np.array_equal(first, second)
