"""Lengths against the original's bookkeeping, statistics against numpy."""

import json
from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.speech.recording import FIRST_KERNEL, FIRST_STRIDE, Length, Statistics, measure

from .conftest import PARITY, noise, recording_of, write_wav

BOOKKEEPING = json.loads((PARITY / "bookkeeping.json").read_text())
# calls for a whole file, so with nothing before them
SINGLE = [row for row in BOOKKEEPING["single"] if row[1] == 16 and row[2] and row[3] == 0]
FILES = [row for row in BOOKKEEPING["files"] if row["clip_length"] == 16 and len(row["chunks"]) == 1]


@pytest.mark.parametrize("row", SINGLE, ids=lambda row: f"{row[0]} samples")
def test_padding_is_the_originals(row: list[int]) -> None:
    n_samples, _, _, _, n_frames, n_rows, n_zeros = row

    assert Length.of(n_samples) == Length(n_samples, n_rows, n_zeros)
    assert -(-n_samples * 25 // 16_000) == n_frames


@pytest.mark.parametrize("row", FILES, ids=lambda row: f"{row['total_samples']} samples")
def test_files_of_up_to_a_minute_have_the_originals_clips(row: dict[str, int]) -> None:
    """The original cuts files to whole milliseconds first, which may cost or add a frame; we do not."""
    chunk = row["chunks"][0]  # type: ignore[index]

    assert Length.of(chunk["samples"]).n_rows == chunk["seq_len"] == row["embedding_rows"]
    assert Length.of(chunk["samples"]).n_padding_samples == chunk["zeros_appended"]


@pytest.mark.parametrize("n_samples", [61 * 16_000, 3600 * 16_000 + 1, 119 * 16_000 + 640])
def test_longer_recordings_keep_their_tail_and_gain_less_than_a_clip(n_samples: int) -> None:
    length = Length.of(n_samples)

    assert length.n_rows % 16 == 0
    assert 0 <= length.n_rows - -(-n_samples // 640) < 16


@pytest.mark.parametrize("n_samples", [160, 5003, 16 * 16_000 * 2 + 7])
def test_statistics_are_those_of_the_whole_recording(tmp_path: Path, n_samples: int) -> None:
    samples = noise(n_samples)
    length = Length.of(n_samples)

    statistics = measure(write_wav(tmp_path / "speech.wav", samples), length)

    signal = samples / 32768
    normalised = np.concatenate(
        [(signal - signal.mean()) / np.sqrt(signal.var() + 1e-7), np.zeros(length.n_rows * 640)]
    )
    patches = np.lib.stride_tricks.sliding_window_view(normalised[: length.n_padded_samples], FIRST_KERNEL)
    assert statistics.mean == pytest.approx(signal.mean())
    assert statistics.variance == pytest.approx(signal.var())
    assert np.allclose(statistics.patch_mean, patches[::FIRST_STRIDE].mean(axis=0), atol=1e-6)
    assert np.allclose(statistics.patch_covariance, np.cov(patches[::FIRST_STRIDE].T, bias=True), atol=1e-6)


def test_statistics_survive_the_way_through_arrays(tmp_path: Path) -> None:
    statistics = measure(write_wav(tmp_path / "speech.wav", noise(20_000)), Length.of(20_000))

    again = Statistics.from_arrays(statistics.to_arrays())

    assert (again.mean, again.variance) == (statistics.mean, statistics.variance)
    assert np.array_equal(again.patch_covariance, statistics.patch_covariance)


def test_after_its_end_a_recording_is_zeros_whatever_its_mean(tmp_path: Path) -> None:
    recording = recording_of(tmp_path / "speech.wav", noise(5000))

    samples = recording.read(4990, 100)

    assert np.all(samples[:10] != 0)
    assert np.all(samples[10:] == 0)


def test_digital_silence_stays_silent(tmp_path: Path) -> None:
    recording = recording_of(tmp_path / "speech.wav", np.zeros(5000, np.int16))

    assert np.all(recording.read(0, 5000) == 0)
