"""Random numbers that depend on the seed, on what they are for and on when, so that any frame can be made alone."""

from enum import IntEnum

import numpy as np

BLOCK_S = 30.0  # events are drawn for so long a stretch at a time; none crosses its border


class Stream(IntEnum):
    """One random sequence for each thing that moves."""

    BLINK = 0
    GLANCE = 1
    POSTURE = 2
    YAW = 3
    PITCH = 4
    ROLL = 5
    SHIFT_X = 6
    SHIFT_Y = 7
    ZOOM = 8
    BROW = 9
    BROW_ASYMMETRY = 10
    VIVACITY = 11


def draw(seed: int, stream: Stream, index: int = 0) -> np.random.Generator:
    """Numbers for the `index`-th stretch of a stream."""
    return np.random.default_rng((seed, stream, index))
