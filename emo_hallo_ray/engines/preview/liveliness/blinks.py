"""When the eyes blink, and how closed they are then."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from emo_hallo_ray.engines.preview.liveliness.chance import BLOCK_S, Stream, draw
from emo_hallo_ray.engines.preview.liveliness.glances import far_jumps

# Adults blink about 17 times a minute at rest and more often in conversation, at intervals with a long tail:
# Bentivoglio et al., "Analysis of blink rate patterns in normal subjects", Movement Disorders 12 (1997).
TYPICAL_INTERVAL_S, INTERVAL_SPREAD = 3.4, 0.5  # median and sigma of a lognormal
MIN_INTERVAL_S = 1.1
FIRST_BLINK_S = (0.6, 2.6)
LAST_BLINK_S = BLOCK_S - 1.3
DOUBLE_SHARE, DOUBLE_GAP_S = 0.10, (0.08, 0.2)
# lids close faster than they open
CLOSING_S, SHUT_S, OPENING_S = (0.05, 0.08), (0.04, 0.06), (0.10, 0.16)
JUMP_REACH_S, JUMP_LEAD_S = 0.35, 0.04  # eyes that jump far do so behind closing lids


class Blink(NamedTuple):
    """One closing of the eyes; seconds, `start_s` in its block."""

    start_s: float
    closing_s: float
    shut_s: float
    opening_s: float

    @property
    def end_s(self) -> float:
        return self.start_s + self.closing_s + self.shut_s + self.opening_s


@lru_cache(maxsize=256)
def blinks(seed: int, block: int) -> tuple[Blink, ...]:
    """All blinks that begin in a block, in order; none overlap."""
    random = draw(seed, Stream.BLINK, block)
    jumps = far_jumps(seed, block)
    found: list[Blink] = []
    start_s = random.uniform(*FIRST_BLINK_S)
    while start_s < LAST_BLINK_S:
        found.append(_blink(random, _with_jump(start_s, jumps)))
        if random.random() < DOUBLE_SHARE:
            found.append(_blink(random, found[-1].end_s + random.uniform(*DOUBLE_GAP_S)))
        start_s = found[-1].start_s + max(MIN_INTERVAL_S, random.lognormal(np.log(TYPICAL_INTERVAL_S), INTERVAL_SPREAD))
    return tuple(found)


def lid_closure(seed: int, time_s: float) -> float:
    """0 open, 1 shut."""
    block, now = int(time_s // BLOCK_S), time_s % BLOCK_S
    return next((_closure(b, now - b.start_s) for b in blinks(seed, block) if b.start_s <= now < b.end_s), 0.0)


def _blink(random: np.random.Generator, start_s: float) -> Blink:
    return Blink(start_s, random.uniform(*CLOSING_S), random.uniform(*SHUT_S), random.uniform(*OPENING_S))


def _with_jump(start_s: float, jumps: np.ndarray) -> float:
    near = jumps[np.abs(jumps - start_s) < JUMP_REACH_S]
    return float(near[0]) - JUMP_LEAD_S if near.size else start_s


def _closure(blink: Blink, since_s: float) -> float:
    reopening_s = since_s - blink.closing_s - blink.shut_s
    if since_s < blink.closing_s:
        t = since_s / blink.closing_s
    elif reopening_s < 0:
        return 1.0
    else:
        t = 1 - (reopening_s / blink.opening_s) ** 0.8  # fast at first, slow at last
    return t * t * (3 - 2 * t)
