import numpy as np
import pytest

from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.face.warp import FaceWarp, Lips
from emo_hallo_ray.engines.preview.mouth.interior import MouthInterior
from emo_hallo_ray.engines.preview.portrait import Portrait


def painted(
    portrait: Portrait, geometry: FaceGeometry, expression: Expression, grey: bool = False
) -> tuple[np.ndarray, Lips]:
    """The portrait with the opening filled, and the opening."""
    image = portrait.image.copy()
    if grey:
        image[:] = image.mean(axis=2, keepdims=True).astype(np.uint8)
    lips = FaceWarp(geometry, np.ones((768, 768), np.float32)).lips(expression)
    MouthInterior(geometry, image, grey, softness_px=0.0).paint(image, lips, expression)
    return image, lips


def column(image: np.ndarray, lips: Lips, start: float, end: float) -> np.ndarray:
    """Pixels in the middle of the mouth, between these shares of its opening."""
    x, top = lips.upper[5]
    height = lips.lower[5, 1] - top
    return image[round(top + start * height) : round(top + end * height), round(x)].astype(float)


@pytest.mark.parametrize("expression", [Expression(), Expression(close=1), Expression(jaw=0.5, close=1)], ids=str)
def test_closed_mouth_shows_nothing_of_its_inside(
    closed_portrait: Portrait, closed_geometry: FaceGeometry, expression: Expression
) -> None:
    image, _ = painted(closed_portrait, closed_geometry, expression)

    assert np.abs(image.astype(int) - closed_portrait.image).max() <= 2


def test_mouth_that_is_open_in_the_picture_is_left_alone_until_it_moves(
    portrait: Portrait, geometry: FaceGeometry
) -> None:
    image, _ = painted(portrait, geometry, Expression())

    assert np.array_equal(image, portrait.image)


def test_wide_open_mouth_shows_teeth_above_and_a_red_dark_below(
    closed_portrait: Portrait, closed_geometry: FaceGeometry
) -> None:
    image, lips = painted(closed_portrait, closed_geometry, Expression(jaw=0.9))

    teeth, below = column(image, lips, 0.15, 0.3), column(image, lips, 0.55, 0.85)
    assert teeth.mean() > 1.5 * below.mean()
    assert np.all(below[:, 0] > below[:, 1])


def test_own_teeth_stay_where_they_are_when_the_jaw_drops(portrait: Portrait, geometry: FaceGeometry) -> None:
    image, lips = painted(portrait, geometry, Expression(jaw=0.9, settle=1))
    x, top = np.rint(geometry.lips[0][5]).astype(int)
    gap = int(geometry.gap)

    kept, before = (
        picture[top + gap // 3 : top + 2 * gap // 3, x - 10 : x + 10].astype(float)
        for picture in (image, portrait.image)
    )
    assert np.abs(kept - before).mean() < 25
    assert column(image, lips, 0.8, 0.95).mean() < 0.6 * before.mean()


def test_black_and_white_picture_stays_black_and_white(
    closed_portrait: Portrait, closed_geometry: FaceGeometry
) -> None:
    image, _ = painted(closed_portrait, closed_geometry, Expression(jaw=0.9), grey=True)

    assert np.ptp(image.astype(int), axis=2).max() <= 1


def test_dark_portrait_has_no_shining_teeth(closed_portrait: Portrait, closed_geometry: FaceGeometry) -> None:
    dark = Portrait(closed_portrait.image // 2, closed_portrait.points, closed_portrait.enlargement)

    image, lips = painted(dark, closed_geometry, Expression(jaw=0.9))

    assert column(image, lips, 0.1, 0.9).max() < 150
