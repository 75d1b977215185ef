"""Figures over a whole recording that make its loud and quiet parts, and its windows, comparable."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.engines.base import Arrays
from emo_hallo_ray.engines.preview.features import HOP_SAMPLES, N_MELS, Floats, read_spectrum

BLOCK_HOPS = 3000  # 30 s
LOUD_PERCENTILE = 95
LEAST_LOUD_DB = -40.0  # about 70 dB below full scale: fainter sound is no speech and stays faint
SPEECH_RANGE_DB = 30  # below the loud percentile speech counts as silence
# the histogram of levels: half a decibel is finer than any decision made with it
MIN_DB, MAX_DB, BIN_DB = -100.0, 80.0, 0.5
BIN_STARTS_DB = np.arange(MIN_DB, MAX_DB, BIN_DB)
N_BINS = len(BIN_STARTS_DB)


@dataclass(frozen=True)
class Loudness:
    """Attributes:
    mel_mean_db: (32,) mean of the mel bands over speech.
    bright_db, level_db: 95th percentiles of the spectrum's figures of the same names.
    """

    mel_mean_db: Floats
    bright_db: float
    level_db: float

    def to_arrays(self) -> Arrays:
        """For `SpeechTrack.loudness`."""
        return {
            "mel_mean_db": self.mel_mean_db,
            "loud_db": np.array([self.bright_db, self.level_db], np.float32),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "Loudness":
        """The inverse of `to_arrays`."""
        bright_db, level_db = arrays["loud_db"].astype(np.float32)
        return cls(arrays["mel_mean_db"].astype(np.float32), float(bright_db), float(level_db))


def measure_loudness(path: Path, n_samples: int) -> Loudness:
    """Stream over a recording once, in constant memory: histograms of levels, and mel sums by level."""
    n_hops = -(-n_samples // HOP_SAMPLES)
    bright_counts, level_counts = np.zeros(N_BINS), np.zeros(N_BINS)
    mel_sums = np.zeros((N_BINS, N_MELS))
    for first_hop in range(0, n_hops, BLOCK_HOPS):
        spectrum = read_spectrum(path, first_hop, min(BLOCK_HOPS, n_hops - first_hop))
        bins = _bin(spectrum.bright_db)
        np.add.at(bright_counts, bins, 1)
        np.add.at(level_counts, _bin(spectrum.level_db), 1)
        np.add.at(mel_sums, bins, spectrum.mel_db)
    bright_db = max(_percentile(bright_counts), LEAST_LOUD_DB)
    is_speech = bright_db - SPEECH_RANGE_DB < BIN_STARTS_DB
    mel_mean_db = mel_sums[is_speech].sum(axis=0) / max(1.0, bright_counts[is_speech].sum())
    return Loudness(mel_mean_db.astype(np.float32), bright_db, _percentile(level_counts))


def _bin(level_db: Floats) -> NDArray[np.intp]:
    bins: NDArray[np.intp] = np.clip((level_db - MIN_DB) / BIN_DB, 0, N_BINS - 1).astype(np.intp)
    return bins


def _percentile(counts: NDArray[np.float64]) -> float:
    cumulative = np.cumsum(counts)
    index = int(np.searchsorted(cumulative, cumulative[-1] * LOUD_PERCENTILE / 100))
    return MIN_DB + (index + 0.5) * BIN_DB
