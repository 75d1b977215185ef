"""What the viseme network hears: log-mel bands, a hundred times a second.

A hop's features depend on the samples around it alone, so that they are equal wherever a window was cut.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.media.audio import SAMPLE_RATE_HZ, Samples, read_window

HOPS_PER_S = 100
HOP_SAMPLES = SAMPLE_RATE_HZ // HOPS_PER_S
WINDOW_SAMPLES = SAMPLE_RATE_HZ * 25 // 1000  # 25 ms
N_FFT = 512
N_MELS = 32
MEL_LOW_HZ, MEL_HIGH_HZ = 60, 7600
PRE_EMPHASIS = 0.97
POWER_FLOOR = 1e-12  # -120 dB
# a hop's window begins so many samples before the hop; one of them for pre-emphasis
SAMPLES_BEFORE = WINDOW_SAMPLES // 2 - HOP_SAMPLES // 2 + 1

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Spectrum:
    """A stretch of sound in decibels.

    Attributes:
        mel_db: (T, 32) power in mel bands, after pre-emphasis.
        bright_db: (T,) power of all bands after pre-emphasis, which brings consonants up.
        level_db: (T,) power as it is.
    """

    mel_db: Floats
    bright_db: Floats
    level_db: Floats


def read_spectrum(path: Path, first_hop: int, n_hops: int) -> Spectrum:
    """Spectrum of hops centred at (hop + 1/2) × 10 ms; beyond the recording there is silence."""
    return _spectrum(read_window(path, first_hop * HOP_SAMPLES - SAMPLES_BEFORE, _samples_of(n_hops)))


def spectrum_of(samples: Samples) -> Spectrum:
    """Spectrum of a recording in memory, ceil(n / 160) hops."""
    n_hops = -(-len(samples) // HOP_SAMPLES)
    after = _samples_of(n_hops) - SAMPLES_BEFORE - len(samples)
    return _spectrum(np.pad(samples, (SAMPLES_BEFORE, after)))


def _samples_of(n_hops: int) -> int:
    return 1 + (n_hops - 1) * HOP_SAMPLES + WINDOW_SAMPLES


def _spectrum(samples: Samples) -> Spectrum:
    plain, previous = samples[1:], samples[:-1]
    bright_power = _power(plain - np.float32(PRE_EMPHASIS) * previous)
    return Spectrum(
        mel_db=_to_db(bright_power @ _mel_bank().T),
        bright_db=_to_db(bright_power.sum(axis=1)),
        level_db=_to_db(_power(plain).sum(axis=1)),
    )


def _power(samples: Floats) -> Floats:
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW_SAMPLES)[::HOP_SAMPLES]
    spectrum = np.fft.rfft(windows * np.hanning(WINDOW_SAMPLES).astype(np.float32), N_FFT)
    power: Floats = (np.abs(spectrum) ** 2).astype(np.float32)
    return power


def _to_db(power: Floats) -> Floats:
    decibels: Floats = 10 * np.log10(power + np.float32(POWER_FLOOR))
    return decibels


@cache
def _mel_bank() -> Floats:
    """Triangles of height 1 between equally spaced mels, (32, 257)."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (MEL_LOW_HZ, MEL_HIGH_HZ))
    corners = 700 * (10 ** (np.linspace(low, high, N_MELS + 2) / 2595) - 1)
    hz = np.arange(N_FFT // 2 + 1) * SAMPLE_RATE_HZ / N_FFT
    start, peak, end = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    bank: Floats = np.clip(np.minimum((hz - start) / (peak - start), (end - hz) / (end - peak)), 0, None)
    return bank.astype(np.float32)
