from dataclasses import astuple

import numpy as np
import pytest

from emo_hallo_ray.engines.preview.liveliness.motion import Liveliness, liveliness

FRAMES = range(0, 120 * 25)


@pytest.fixture(scope="module")
def minutes() -> list[Liveliness]:
    return [liveliness(42, frame) for frame in FRAMES]


def curve(moments: list[Liveliness], name: str) -> np.ndarray:
    return np.array([getattr(moment, name) for moment in moments])


def test_frame_depends_on_seed_and_number_alone(minutes: list[Liveliness]) -> None:
    assert [liveliness(42, frame) for frame in (900, 3, 2451)] == [minutes[900], minutes[3], minutes[2451]]


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1])
def test_other_seeds_move_otherwise(minutes: list[Liveliness], seed: int) -> None:
    assert any(liveliness(seed, frame) != minutes[frame] for frame in range(10))


@pytest.mark.parametrize(("name", "low_deg", "high_deg"), [("yaw", 1.2, 3), ("pitch", 0.7, 2), ("roll", 0.5, 1.3)])
def test_head_moves_as_much_as_people_who_talk_do(name: str, low_deg: float, high_deg: float) -> None:
    angles = [curve([liveliness(seed, frame) for frame in FRAMES[::5]], name) for seed in range(6)]

    assert low_deg < np.rad2deg(np.mean([angle.std() for angle in angles])) < high_deg


def test_head_moves_smoothly(minutes: list[Liveliness]) -> None:
    yaw = curve(minutes, "yaw")

    assert np.abs(np.diff(yaw)).max() < 0.01
    assert np.abs(np.diff(yaw, n=2)).max() < 0.002


def test_brows_are_a_little_uneven_in_each_persons_own_way() -> None:
    asymmetries = {liveliness(seed, 50).brow_asymmetry for seed in range(5)}

    assert len(asymmetries) == 5
    assert max(map(abs, asymmetries)) <= 0.25
    assert liveliness(3, 50).brow_asymmetry == liveliness(3, 999).brow_asymmetry


def test_motion_is_small_numbers(minutes: list[Liveliness]) -> None:
    values = np.array([astuple(moment) for moment in minutes])

    assert np.all(np.isfinite(values))
    assert np.abs(values).max() <= 1.6
