"""The mark in the corner of every frame."""

import numpy as np
import pytest

from emo_hallo_ray.errors import InvalidSettings
from emo_hallo_ray.provenance.mark import VisibleMark


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_the_mark_can_be_read_on_any_ground(grey: int) -> None:
    marked = VisibleMark("AI-generated").draw(np.full((2, 512, 512, 3), grey, np.uint8))[1]

    corner = marked[470:505, 10:160].astype(int)
    assert corner.max() > 240
    assert corner.min() < 90
    assert corner.max() - corner.min() > 150


def test_the_rest_of_the_frame_and_the_frame_that_was_given_stay_as_they_are() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (3, 256, 256, 3), np.uint8)
    before = frames.copy()

    marked = VisibleMark("AI-generated").draw(frames)

    np.testing.assert_array_equal(frames, before)
    np.testing.assert_array_equal(marked[:, :200], frames[:, :200])
    assert not np.array_equal(marked[:, 200:], frames[:, 200:])


def test_the_mark_grows_with_the_frame() -> None:
    heights = []
    for side in (512, 1024):
        difference = VisibleMark("AI").draw(np.zeros((1, side, side, 3), np.uint8))[0].max(axis=(1, 2))
        heights.append(np.count_nonzero(difference))

    assert heights[1] == pytest.approx(2 * heights[0], rel=0.15)


@pytest.mark.parametrize("size", [(16, 16), (64, 640), (640, 64)])
def test_a_frame_that_is_too_small_gets_what_fits(size: tuple[int, int]) -> None:
    assert VisibleMark("AI-generated with care").draw(np.zeros((1, *size, 3), np.uint8)).shape == (1, *size, 3)


def test_letters_that_cannot_be_drawn_are_refused() -> None:
    with pytest.raises(InvalidSettings, match="cannot be drawn"):
        VisibleMark("由人工智能生成")
