"""Running figures of a recording that make its loud and quiet parts, speakers and microphones comparable.

Every five seconds has its own, from the half minute around it: they follow a speaker who steps back from the
microphone, and are the same for every window of the recording, wherever it was cut.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.engines.base import Arrays
from emo_hallo_ray.engines.preview.speech.features import HOP_SAMPLES, N_MELS, Floats, Spectrum, read_spectrum

BLOCK_HOPS = 500  # 5 s
# a block's neighbours count the less the farther they are, those 25 s away nothing: a figure fades, it never jumps
NEIGHBOUR_WEIGHTS = np.array([0.2, 0.4, 0.6, 0.8, 1.0, 0.8, 0.6, 0.4, 0.2])
LOUD_PERCENTILE = 95
LEAST_LOUD_DB = -40.0  # about 70 dB below full scale: fainter sound is no speech and stays faint
MOST_BELOW_LOUDEST_DB = 35.0  # what is fainter is taken for a long pause, not for quiet speech
SPEECH_RANGE_DB = 30  # below the loud percentile speech counts as silence
# the histogram of levels: half a decibel is finer than any decision made with it
MIN_DB, MAX_DB, BIN_DB = -100.0, 80.0, 0.5
BIN_STARTS_DB = np.arange(MIN_DB, MAX_DB, BIN_DB)
N_BINS = len(BIN_STARTS_DB)

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Loudness:
    """Figures in the middle of each block of 5 s, or, from `at`, of each hop.

    Attributes:
        mel_mean_db: (N, 32) mean of the mel bands over speech.
        bright_db, level_db: (N,) 95th percentiles over speech of the spectrum's figures of the same names.
    """

    mel_mean_db: Floats
    bright_db: Floats
    level_db: Floats

    def to_arrays(self) -> Arrays:
        """For `SpeechTrack.loudness`."""
        return {"mel_mean_db": self.mel_mean_db, "bright_db": self.bright_db, "level_db": self.level_db}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "Loudness":
        """The inverse of `to_arrays`."""
        return cls(*(arrays[name].astype(np.float32) for name in ("mel_mean_db", "bright_db", "level_db")))

    def at(self, first_hop: int, n_hops: int) -> "Loudness":
        """Interpolated for consecutive hops; before the first block's middle and after the last one's they stay."""
        hops = np.arange(first_hop, first_hop + n_hops) + 0.5
        blocks = np.clip(hops / BLOCK_HOPS - 0.5, 0, len(self.bright_db) - 1)
        before = np.minimum(blocks.astype(np.intp), max(0, len(self.bright_db) - 2))
        after = np.minimum(before + 1, len(self.bright_db) - 1)
        share = (blocks - before).astype(np.float32)

        def between(figures: Floats) -> Floats:
            shares = share.reshape(-1, *[1] * (figures.ndim - 1))
            mixed: Floats = figures[before] * (1 - shares) + figures[after] * shares
            return mixed

        return Loudness(between(self.mel_mean_db), between(self.bright_db), between(self.level_db))


def measure_loudness(path: Path, n_samples: int) -> Loudness:
    """Stream over a recording once; what is kept of it is 136 bytes for every 5 s."""
    n_hops = -(-n_samples // HOP_SAMPLES)
    edges = [*range(0, n_hops, BLOCK_HOPS), n_hops]
    return loudness_of(read_spectrum(path, first, end - first) for first, end in pairwise(edges))


def loudness_of(blocks: Iterable[Spectrum]) -> Loudness:
    """Figures of consecutive spectra of 5 s each; the last one may be shorter."""
    rows = [levels.figures() for levels in _running_sums(map(_Levels.count, blocks))]
    figures = np.array(rows, np.float32)
    bright_db = figures[:, 0]
    has_speech = np.flatnonzero(bright_db >= max(LEAST_LOUD_DB, bright_db.max() - MOST_BELOW_LOUDEST_DB))
    if not len(has_speech):
        figures = np.full((1, figures.shape[1]), LEAST_LOUD_DB, np.float32)
    elif len(has_speech) < len(figures):
        # a pause takes its figures from the speech before and after
        indices = np.arange(len(figures))
        columns = [np.interp(indices, has_speech, column[has_speech]) for column in figures.T]
        figures = np.stack(columns, axis=1).astype(np.float32)
    return Loudness(mel_mean_db=figures[:, 2:], bright_db=figures[:, 0], level_db=figures[:, 1])


@dataclass(frozen=True)
class _Levels:
    """How often each level occurs, and the sums of the mel bands it occurs with."""

    bright: Counts  # (360,)
    level: Counts  # (360,)
    mel_sums_db: Counts  # (360, 32), by bright level

    @classmethod
    def count(cls, spectrum: Spectrum) -> "_Levels":
        bins = _bin(spectrum.bright_db)
        mel_sums_db = np.zeros((N_BINS, N_MELS))
        np.add.at(mel_sums_db, bins, spectrum.mel_db)
        return cls(_count(bins), _count(_bin(spectrum.level_db)), mel_sums_db)

    def figures(self) -> Counts:
        """Loud levels, bright and plain, and the mean mel bands over speech: (34,)."""
        bright_db = _loud_level(self.bright)
        is_speech = bright_db - SPEECH_RANGE_DB < BIN_STARTS_DB
        mel_mean_db = self.mel_sums_db[is_speech].sum(axis=0) / self.bright[is_speech].sum()
        return np.concatenate([[bright_db, _loud_level(self.level)], mel_mean_db])


def _running_sums(blocks: Iterator[_Levels]) -> Iterator[_Levels]:
    """Each block with its neighbours, by their weights; as many as there are blocks."""
    n_window = len(NEIGHBOUR_WEIGHTS)
    window: deque[_Levels | None] = deque([None] * n_window, maxlen=n_window)
    for block in chain(blocks, [None] * (n_window // 2)):
        window.append(block)
        if window[n_window // 2] is not None:
            yield _weighted_sum(window)


def _weighted_sum(window: Iterable[_Levels | None]) -> _Levels:
    present = [(weight, levels) for weight, levels in zip(NEIGHBOUR_WEIGHTS, window, strict=True) if levels]
    return _Levels(
        bright=sum((weight * levels.bright for weight, levels in present), np.zeros(N_BINS)),
        level=sum((weight * levels.level for weight, levels in present), np.zeros(N_BINS)),
        mel_sums_db=sum((weight * levels.mel_sums_db for weight, levels in present), np.zeros((N_BINS, N_MELS))),
    )


def _bin(level_db: Floats) -> NDArray[np.intp]:
    bins: NDArray[np.intp] = np.clip((level_db - MIN_DB) / BIN_DB, 0, N_BINS - 1).astype(np.intp)
    return bins


def _count(bins: NDArray[np.intp]) -> Counts:
    return np.bincount(bins, minlength=N_BINS).astype(np.float64)


def _loud_level(counts: Counts) -> float:
    """95th percentile over speech: first over everything, then without what that shows to be silence."""
    loud_db = _percentile(counts)
    return _percentile(np.where(loud_db - SPEECH_RANGE_DB < BIN_STARTS_DB, counts, 0))


def _percentile(counts: Counts) -> float:
    cumulative = np.cumsum(counts)
    index = int(np.searchsorted(cumulative, cumulative[-1] * LOUD_PERCENTILE / 100))
    return MIN_DB + (index + 0.5) * BIN_DB
