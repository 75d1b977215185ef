"""Blinks, glances and small motions of the head: functions of the seed and the frame's number alone.

So any frame can be made without those before it, and a resumed task gives the same video.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np

from emo_hallo_ray.engines.base import FPS

BLINK = (0.25, 0.75, 1.0, 1.0, 0.85, 0.55, 0.28, 0.10)  # lids close faster than they open
BLINK_EVERY_S = 3.0
FIRST_BLINK_S = 0.6
GLANCE_EVERY_S = 1.2
GLANCE_SHARE = 0.45  # of the time; otherwise the eyes look at the viewer
SACCADE = (0.25, 0.5, 0.25)  # a glance takes three frames
SWAY_HZ = (0.11, 0.19, 0.31, 0.47, 0.73)


class _Stream(IntEnum):
    """One random sequence for each thing that moves."""

    BLINK = 0
    GLANCE = 1
    YAW = 2
    PITCH = 3
    ROLL = 4
    SHIFT_X = 5
    SHIFT_Y = 6
    ZOOM = 7
    BROW = 8


@dataclass(frozen=True)
class Liveliness:
    """What a face does while it talks, besides talking; units as in `Expression`."""

    blink: float
    gaze_x: float
    gaze_y: float
    brow: float
    yaw: float
    pitch: float
    roll: float
    shift_x: float
    shift_y: float
    zoom: float


def liveliness(seed: int, frame: int) -> Liveliness:
    """Motion at one frame of the video that this seed makes."""
    yaw = 0.025 * _sway(seed, _Stream.YAW, frame)
    gaze_x, gaze_y = _gaze(seed, frame)
    return Liveliness(
        blink=_blink(seed, frame),
        gaze_x=gaze_x - 20 * yaw * 0.5,  # eyes stay on the viewer while the head turns
        gaze_y=gaze_y,
        brow=0.10 * _sway(seed, _Stream.BROW, frame),
        yaw=yaw,
        pitch=0.012 * _sway(seed, _Stream.PITCH, frame),
        roll=0.012 * _sway(seed, _Stream.ROLL, frame),
        shift_x=0.004 * _sway(seed, _Stream.SHIFT_X, frame),
        shift_y=0.003 * _sway(seed, _Stream.SHIFT_Y, frame),
        zoom=0.006 * _sway(seed, _Stream.ZOOM, frame),
    )


def _sway(seed: int, stream: _Stream, frame: int) -> float:
    """Slow waves of standard deviation 1."""
    amplitudes, hz, phases = _waves(seed, stream)
    return float(np.sum(amplitudes * np.sin(2 * np.pi * hz * frame / FPS + phases)))


@lru_cache(maxsize=64)
def _waves(seed: int, stream: _Stream) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng((seed, stream))
    hz = np.array(SWAY_HZ) * random.uniform(0.85, 1.15, len(SWAY_HZ))
    amplitudes = 1 / np.sqrt(hz)
    amplitudes *= np.sqrt(2) / np.linalg.norm(amplitudes)
    return amplitudes, hz, random.uniform(0, 2 * np.pi, len(hz))


def _blink(seed: int, frame: int) -> float:
    """One blink at a random moment of every three seconds."""
    slot = int(frame / FPS // BLINK_EVERY_S)
    phases = [frame - _blink_start(seed, near) for near in (slot - 1, slot)]
    return max((BLINK[phase] for phase in phases if 0 <= phase < len(BLINK)), default=0.0)


def _blink_start(seed: int, slot: int) -> int:
    """The frame at which a slot's blink begins; blinks stay half a second apart."""
    random = np.random.default_rng((seed, _Stream.BLINK, slot + 1))
    return round((slot * BLINK_EVERY_S + random.uniform(FIRST_BLINK_S, BLINK_EVERY_S)) * FPS)


def _gaze(seed: int, frame: int) -> tuple[float, float]:
    near = np.array([_glance(seed, int((frame + offset) / FPS // GLANCE_EVERY_S)) for offset in (-1, 0, 1)])
    gaze_x, gaze_y = np.array(SACCADE) @ near
    return float(gaze_x), float(gaze_y)


def _glance(seed: int, slot: int) -> tuple[float, float]:
    random = np.random.default_rng((seed, _Stream.GLANCE, slot + 1))
    if random.random() > GLANCE_SHARE:
        return 0.0, 0.0
    return random.uniform(-1, 1), random.uniform(-0.6, 0.6)
