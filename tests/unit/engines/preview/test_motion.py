from dataclasses import astuple

import numpy as np
import pytest

from emo_hallo_ray.engines.preview.motion import Liveliness, liveliness

FRAMES = range(0, 60 * 25)


@pytest.fixture(scope="module")
def minute() -> list[Liveliness]:
    return [liveliness(42, frame) for frame in FRAMES]


def test_frame_depends_on_seed_and_number_alone(minute: list[Liveliness]) -> None:
    assert [liveliness(42, frame) for frame in (900, 3, 451)] == [minute[900], minute[3], minute[451]]


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1])
def test_other_seeds_move_otherwise(minute: list[Liveliness], seed: int) -> None:
    assert any(liveliness(seed, frame) != minute[frame] for frame in range(10))


@pytest.mark.parametrize("seed", [1, 42, 1234])
def test_people_blink_ten_to_thirty_times_a_minute_and_fully(seed: int) -> None:
    blink = np.array([liveliness(seed, frame).blink for frame in FRAMES])
    starts = np.flatnonzero(np.diff((blink > 0).astype(int)) == 1)

    assert 10 <= len(starts) <= 30
    assert blink.max() == 1
    assert np.diff(starts).min() >= 8  # a blink is over before the next
    assert np.diff(starts).std() > 10  # and they keep no beat


def test_head_moves_little_and_slowly(minute: list[Liveliness]) -> None:
    yaw = np.array([moment.yaw for moment in minute])

    assert 0.012 < yaw.std() < 0.035
    assert np.abs(np.diff(yaw)).max() < 0.01


def test_eyes_mostly_look_at_the_viewer(minute: list[Liveliness]) -> None:
    gaze_y = np.array([moment.gaze_y for moment in minute])

    assert 0.35 < np.mean(gaze_y == 0) < 0.75


def test_motion_is_small_numbers(minute: list[Liveliness]) -> None:
    assert np.all(np.isfinite([astuple(moment) for moment in minute]))
