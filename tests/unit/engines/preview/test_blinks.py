from itertools import pairwise

import numpy as np
import pytest

from emo_hallo_ray.engines.base import FPS
from emo_hallo_ray.engines.preview.liveliness.blinks import Blink, blinks, lid_closure
from emo_hallo_ray.engines.preview.liveliness.chance import BLOCK_S
from emo_hallo_ray.engines.preview.liveliness.glances import far_jumps

SEEDS = [1, 42, 1234, 2**63 - 1]
N_BLOCKS = 20  # ten minutes


def all_blinks(seed: int) -> list[Blink]:
    return [
        blink._replace(start_s=blink.start_s + block * BLOCK_S)
        for block in range(N_BLOCKS)
        for blink in blinks(seed, block)
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_people_who_talk_blink_twelve_to_twenty_times_a_minute(seed: int) -> None:
    assert 12 <= len(all_blinks(seed)) / 10 <= 20


@pytest.mark.parametrize("seed", SEEDS)
def test_blinks_keep_no_beat(seed: int) -> None:
    intervals_s = np.diff([blink.start_s for blink in all_blinks(seed)])

    assert intervals_s.std() > 0.4 * intervals_s.mean()
    assert np.mean(intervals_s < 0.6) == pytest.approx(0.10, abs=0.08)  # double blinks
    assert intervals_s.max() < 15


@pytest.mark.parametrize("seed", SEEDS)
def test_blink_is_over_before_the_next_and_before_its_block_ends(seed: int) -> None:
    blinking = all_blinks(seed)

    assert all(before.end_s < after.start_s for before, after in pairwise(blinking))
    assert all(blink.end_s < BLOCK_S for block in range(N_BLOCKS) for blink in blinks(seed, block))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_blink_takes_a_natural_time_and_shuts_the_eye_in_some_frame(seed: int) -> None:
    for blink in all_blinks(seed):
        frames = range(int(blink.start_s * FPS), int(blink.end_s * FPS) + 2)
        assert 0.15 <= blink.end_s - blink.start_s <= 0.3
        assert max(lid_closure(seed, frame / FPS) for frame in frames) == 1


def test_lids_close_faster_than_they_open() -> None:
    blink = blinks(42, 0)[0]
    times_s = np.arange(blink.start_s, blink.end_s, 0.002)
    closure = np.array([lid_closure(42, time_s) for time_s in times_s])

    assert np.flatnonzero(closure > 0.5)[0] < len(times_s) - np.flatnonzero(closure > 0.5)[-1]
    assert closure[0] == pytest.approx(0, abs=0.01)
    assert closure[-1] == pytest.approx(0, abs=0.01)


def test_many_far_jumps_of_the_eyes_hide_behind_a_blink() -> None:
    starts = np.array([blink.start_s for block in range(N_BLOCKS) for blink in blinks(42, block)])
    by_chance = np.random.default_rng(0).uniform(0, BLOCK_S, len(starts))

    def n_with_jump(times: np.ndarray) -> int:
        owners = np.repeat(np.arange(N_BLOCKS), [len(blinks(42, block)) for block in range(N_BLOCKS)])
        gaps = [np.abs(far_jumps(42, block) - time).min() for block, time in zip(owners, times, strict=True)]
        return int(np.sum(np.array(gaps) < 0.06))

    assert n_with_jump(starts) > 2 * n_with_jump(by_chance)
