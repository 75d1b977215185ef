"""Motion without events: slow waves, and postures that a head takes and holds."""

from functools import lru_cache

import numpy as np

from emo_hallo_ray.engines.preview.face.geometry import Vectors
from emo_hallo_ray.engines.preview.liveliness.chance import Stream, draw

WAVE_HZ = (0.11, 0.19, 0.31, 0.47, 0.73, 1.05)
POSTURE_EVERY_S = 3.5
POSTURE_STARTS = (0.05, 0.60)  # of its slot: two to five seconds apart
POSTURE_TAKES_S = (0.5, 0.9)
POSTURE_AXES = (Stream.YAW, Stream.PITCH, Stream.ROLL, Stream.SHIFT_X, Stream.SHIFT_Y, Stream.ZOOM)


def wave(seed: int, stream: Stream, time_s: float) -> float:
    """A sum of sines of standard deviation 1."""
    amplitudes, hz, phases = _waves(seed, stream)
    return float(np.sum(amplitudes * np.sin(2 * np.pi * hz * time_s + phases)))


@lru_cache(maxsize=256)
def _waves(seed: int, stream: Stream) -> tuple[Vectors, Vectors, Vectors]:
    random = draw(seed, stream)
    hz = np.array(WAVE_HZ) * random.uniform(0.85, 1.15, len(WAVE_HZ))
    amplitudes = 1 / np.sqrt(hz)
    amplitudes *= np.sqrt(2) / np.linalg.norm(amplitudes)
    return amplitudes, hz, random.uniform(0, 2 * np.pi, len(hz))


def posture(seed: int, time_s: float) -> Vectors:
    """What the head has settled in, or is on its way to: one value of standard deviation 1 for each posture axis."""
    slot = int(time_s // POSTURE_EVERY_S)
    start_s, takes_s, target = _posture(seed, slot)
    if time_s < start_s:
        return _posture(seed, slot - 1)[2]
    t = min(1.0, (time_s - start_s) / takes_s)
    share = t**3 * (10 + t * (6 * t - 15))  # minimum jerk: Flash and Hogan, J. Neuroscience 5 (1985)
    before = _posture(seed, slot - 1)[2]
    settled: Vectors = before + share * (target - before)
    return settled


@lru_cache(maxsize=256)
def _posture(seed: int, slot: int) -> tuple[float, float, Vectors]:
    random = draw(seed, Stream.POSTURE, slot + 1)
    start_s = (slot + random.uniform(*POSTURE_STARTS)) * POSTURE_EVERY_S
    return start_s, random.uniform(*POSTURE_TAKES_S), random.standard_normal(len(POSTURE_AXES))
