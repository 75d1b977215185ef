import numpy as np
import pytest

from emo_hallo_ray.engines.preview.liveliness.chance import Stream
from emo_hallo_ray.engines.preview.liveliness.sway import POSTURE_AXES, POSTURE_EVERY_S, posture, wave

TIMES_S = np.arange(0, 600, 0.04)


@pytest.fixture(scope="module")
def postures() -> np.ndarray:
    """(times, axes)."""
    return np.array([posture(42, time_s) for time_s in TIMES_S])


def test_waves_have_unit_deviation() -> None:
    waves = [np.std([wave(seed, Stream.YAW, time_s) for time_s in TIMES_S[::10]]) for seed in range(4)]

    assert waves == pytest.approx([1.0] * 4, abs=0.1)


def test_axes_sway_on_their_own() -> None:
    yaw, roll = (np.array([wave(42, axis, time_s) for time_s in TIMES_S]) for axis in (Stream.YAW, Stream.ROLL))

    assert abs(np.corrcoef(yaw, roll)[0, 1]) < 0.3


def test_some_sway_is_as_quick_as_a_second() -> None:
    yaw = np.array([wave(42, Stream.YAW, time_s) for time_s in TIMES_S])
    power = np.abs(np.fft.rfft(yaw * np.hanning(len(yaw)))) ** 2
    hz = np.fft.rfftfreq(len(yaw), 0.04)

    quick = power[(hz > 0.6) & (hz < 1.3)].sum() / power.sum()
    assert 0.05 < quick < 0.4
    assert power[hz > 2].sum() < 0.01 * power.sum()


def test_posture_is_held_and_then_changed_on_all_axes_at_once(postures: np.ndarray) -> None:
    moves = np.abs(np.diff(postures, axis=0)) > 1e-9

    assert postures.shape[1] == len(POSTURE_AXES)
    assert np.mean(moves.any(axis=1) != moves.all(axis=1)) < 0.02  # the first moment of a move may round to nothing
    assert 0.1 < moves.any(axis=1).mean() < 0.3


def test_postures_follow_each_other_every_two_to_five_seconds(postures: np.ndarray) -> None:
    moving = (np.abs(np.diff(postures[:, 0])) > 1e-9).astype(int)
    starts_s = TIMES_S[np.flatnonzero(np.diff(moving) == 1)]

    gaps_s = np.diff(starts_s)
    assert gaps_s.mean() == pytest.approx(POSTURE_EVERY_S, rel=0.05)
    assert gaps_s.min() > 1.4
    assert gaps_s.max() < 5.6


def test_posture_changes_without_a_jerk(postures: np.ndarray) -> None:
    assert np.abs(np.diff(postures, n=2, axis=0)).max() < 0.25
    assert np.std(postures) == pytest.approx(1, abs=0.2)
