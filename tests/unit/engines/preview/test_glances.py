from itertools import pairwise

import numpy as np
import pytest

from emo_hallo_ray.engines.base import FPS
from emo_hallo_ray.engines.preview.liveliness.chance import BLOCK_S
from emo_hallo_ray.engines.preview.liveliness.glances import fixations, gaze

SEEDS = [1, 42, 1234]
FRAMES = range(int(4 * BLOCK_S * FPS))


def curve(seed: int) -> np.ndarray:
    """(frames, 2)."""
    return np.array([gaze(seed, frame / FPS) for frame in FRAMES])


@pytest.mark.parametrize("seed", SEEDS)
def test_eyes_mostly_look_at_the_viewer(seed: int) -> None:
    with_viewer = np.mean(np.abs(curve(seed)[:, 0]) < 0.3)

    assert 0.55 < with_viewer < 0.85


@pytest.mark.parametrize("seed", SEEDS)
def test_eyes_rest_between_quick_jumps(seed: int) -> None:
    steps = np.abs(np.diff(curve(seed), axis=0)).max(axis=1)

    jumping = np.mean(steps > 0)
    assert 0.05 < jumping < 0.25
    assert steps.max() > 0.3  # most of a glance within one frame


@pytest.mark.parametrize("seed", SEEDS)
def test_glances_away_take_half_a_second_to_two(seed: int) -> None:
    seen = fixations(seed, 0)
    away_s = [after.start_s - before.start_s for before, after in pairwise(seen) if abs(before.x) > 0.3]

    assert len(away_s) >= 4
    assert all(0.5 <= duration_s <= 2 for duration_s in away_s)


@pytest.mark.parametrize("seed", SEEDS)
def test_eyes_do_not_jump_between_blocks(seed: int) -> None:
    for border_s in (BLOCK_S, 2 * BLOCK_S):
        before, after = gaze(seed, border_s - 1e-6), gaze(seed, border_s)
        assert before == pytest.approx(after, abs=1e-3)
