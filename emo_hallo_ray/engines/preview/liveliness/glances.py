"""Where the eyes look: mostly at the viewer, now and then aside, in quick jumps."""

from bisect import bisect_right
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from emo_hallo_ray.engines.preview.liveliness.chance import BLOCK_S, Stream, draw

# People who speak look at the listener for about half to two thirds of the time, in spells of seconds, and away for
# shorter: Kendon, "Some functions of gaze-direction in social interaction", Acta Psychologica 26 (1967).
CONTACT_S, AWAY_S = (1.0, 3.6), (0.5, 1.5)
SCAN_S = (0.25, 0.9)  # between small jumps from one part of the viewer's face to another
SCAN_X, SCAN_Y = 0.07, 0.06  # their standard deviation, about a degree
FAR_X, FAR_Y = (0.35, 0.9), 0.4  # how far glances go: least and most to a side; standard deviation up and down
SACCADE_S = 0.08
LAST_JUMP_S = BLOCK_S - 0.1


class Fixation(NamedTuple):
    """The eyes rest on something from `start_s` of their block on; units as in `Expression`."""

    start_s: float
    x: float
    y: float
    is_contact: bool  # with the viewer


@lru_cache(maxsize=256)
def fixations(seed: int, block: int) -> tuple[Fixation, ...]:
    """Everything looked at in a block, in order; the first and the last is the viewer."""
    random = draw(seed, Stream.GLANCE, block)
    found = [Fixation(0.0, 0.0, 0.0, True)]
    now = 0.0
    while True:
        away_from = now + random.uniform(*CONTACT_S)
        while (now := now + random.uniform(*SCAN_S)) < away_from:
            found.append(Fixation(now, random.normal(0, SCAN_X), random.normal(0, SCAN_Y), True))
        now = away_from + random.uniform(*AWAY_S)
        if now > LAST_JUMP_S - SACCADE_S:
            in_time = [fixation for fixation in found if fixation.start_s < LAST_JUMP_S - SACCADE_S]
            return (*in_time, Fixation(LAST_JUMP_S, 0.0, 0.0, True))
        side = random.choice([-1, 1])
        found.append(Fixation(away_from, float(side * random.uniform(*FAR_X)), random.normal(0, FAR_Y), False))
        found.append(Fixation(now, 0.0, 0.0, True))


def gaze(seed: int, time_s: float) -> tuple[float, float]:
    """Across and down, as in `Expression`."""
    block, now = int(time_s // BLOCK_S), time_s % BLOCK_S
    seen = fixations(seed, block)
    latest = bisect_right(seen, now, key=lambda fixation: fixation.start_s) - 1
    target, before = seen[latest], seen[max(0, latest - 1)]
    t = min(1.0, (now - target.start_s) / SACCADE_S)
    share = t * t * (3 - 2 * t)
    return before.x + share * (target.x - before.x), before.y + share * (target.y - before.y)


def far_jumps(seed: int, block: int) -> np.ndarray:
    """When the eyes leave the viewer or come back, (N,) seconds in the block."""
    seen = fixations(seed, block)
    return np.array([after.start_s for before, after in pairwise(seen) if before.is_contact != after.is_contact])
