from collections.abc import Callable

import numpy as np
import pytest

from emo_hallo_ray.engines.preview.speech.visemes import MOUTH_CURVES
from tools.visemes.evaluate import Curves, compare, target_curves
from tools.visemes.labels import LabelledSpeech, Segment

N_FRAMES = 75


@pytest.fixture
def speech() -> LabelledSpeech:
    """Three seconds of "mama papa boo" with irregular vowels."""
    edges = [0.0, 0.1, 0.32, 0.4, 0.7, 0.78, 0.95, 1.05, 1.5, 1.58, 1.8, 1.9, 2.3, 2.4, 2.8, 3.0]
    visemes = ["BMP", "AA"] * 6 + ["BMP", "UW", "SIL"]
    segments = tuple(Segment(*part) for part in zip(visemes, edges[:-1], edges[1:], strict=True))
    return LabelledSpeech(np.zeros(3 * 16_000, np.float32), segments)


def saying(speech: LabelledSpeech, late_frames: int = 0) -> Callable[[np.ndarray], Curves]:
    target = np.roll(target_curves(speech, N_FRAMES), late_frames, axis=0)
    mouth = np.zeros((N_FRAMES, len(MOUTH_CURVES)), np.float32)
    mouth[:, [MOUTH_CURVES.index(name) for name in ("jaw", "width", "round", "close")]] = target
    return lambda samples: mouth


def test_mouth_that_does_what_was_said_is_perfect(speech: LabelledSpeech) -> None:
    figures = compare([speech], saying(speech))

    assert figures.closed == 1
    assert figures.wrongly_closed == 0
    assert figures.jaw == figures.opening == pytest.approx(1)
    assert figures.lag_frames == 0


@pytest.mark.parametrize("late_frames", [-2, 1, 3])
def test_late_mouth_is_found_late(speech: LabelledSpeech, late_frames: int) -> None:
    assert compare([speech], saying(speech, late_frames)).lag_frames == late_frames


def test_mouth_that_never_moves_closes_nothing(speech: LabelledSpeech) -> None:
    still = np.full((N_FRAMES, len(MOUTH_CURVES)), 0.3, np.float32)

    figures = compare([speech], lambda samples: still)

    assert figures.closed == figures.wrongly_closed == figures.jaw == 0


def test_closed_mouth_is_wrong_on_every_open_vowel(speech: LabelledSpeech) -> None:
    closed = np.zeros((N_FRAMES, len(MOUTH_CURVES)), np.float32)

    figures = compare([speech], lambda samples: closed)

    assert figures.closed == figures.wrongly_closed == 1
