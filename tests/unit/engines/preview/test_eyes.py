from time import perf_counter

import cv2
import numpy as np
import pytest

from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.eyes.eye import Eye
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.face.warp import PixelMap
from emo_hallo_ray.engines.preview.portrait import Portrait
from emo_hallo_ray.faces.landmarks import EYES, LEFT_EYE, EyePoints

BOTH = pytest.mark.parametrize("points", EYES, ids=["left", "right"])
WIDE_AWAKE = Expression(blink=1, gaze_x=1, gaze_y=1, squint=1)


def drawn(image: np.ndarray, geometry: FaceGeometry, points: EyePoints, expression: Expression) -> np.ndarray:
    eye = Eye(geometry, points, image)
    rows, columns = np.indices(image.shape[:2], dtype=np.float32)
    pixels = PixelMap(columns, rows)
    eye.move(pixels, expression)
    moved = pixels.read(image)
    eye.paint(moved, expression)
    return moved


def iris(image: np.ndarray, geometry: FaceGeometry, points: EyePoints) -> np.ndarray:
    x, y = np.rint(geometry.points[points.iris[0], :2]).astype(int)
    return image[y - 5 : y + 6, x - 6 : x + 7].astype(float)


def motion(before: np.ndarray, after: np.ndarray, geometry: FaceGeometry, points: EyePoints) -> tuple[int, int]:
    """How many pixels the middle of the iris went, across and down."""
    x, y = np.rint(geometry.points[points.iris[0], :2]).astype(int)
    pupil = before[y - 4 : y + 5, x - 4 : x + 5]
    around = after[y - 12 : y + 13, x - 14 : x + 15]
    left, top = cv2.minMaxLoc(cv2.matchTemplate(around, pupil, cv2.TM_SQDIFF))[2]
    return left - 10, top - 8


def shut(geometry: FaceGeometry) -> FaceGeometry:
    """A face whose mesh says that the left eye is shut."""
    points = geometry.points.copy()
    points[LEFT_EYE.upper_lid] = points[LEFT_EYE.lower_lid]
    return FaceGeometry(points)


@BOTH
def test_open_eye_is_the_picture(portrait: Portrait, geometry: FaceGeometry, points: EyePoints) -> None:
    assert np.array_equal(drawn(portrait.image, geometry, points, Expression()), portrait.image)


@BOTH
def test_closed_lid_covers_the_iris_with_skin(portrait: Portrait, geometry: FaceGeometry, points: EyePoints) -> None:
    closed = iris(drawn(portrait.image, geometry, points, Expression(blink=1)), geometry, points)

    before = iris(portrait.image, geometry, points)
    assert before.mean() < 90
    assert closed.mean() > 130
    assert closed.mean(axis=2).std() < before.mean(axis=2).std() / 2


def test_lid_comes_down_step_by_step(portrait: Portrait, geometry: FaceGeometry) -> None:
    brightness = [
        iris(drawn(portrait.image, geometry, LEFT_EYE, Expression(blink=blink)), geometry, LEFT_EYE).mean()
        for blink in (0, 0.5, 0.75, 1)
    ]

    assert brightness == sorted(brightness)


def test_blink_stays_between_brow_and_cheek(portrait: Portrait, geometry: FaceGeometry) -> None:
    blinking = drawn(portrait.image, geometry, LEFT_EYE, Expression(blink=1))
    changed = np.abs(blinking.astype(int) - portrait.image).max(axis=2) > 8

    x, y = np.argwhere(changed)[:, ::-1].T
    brow, lid = geometry.points[LEFT_EYE.brow, 1], geometry.points[LEFT_EYE.lower_lid, :2]
    assert y.min() > brow.min()
    assert y.max() < lid[:, 1].max() + 0.5 * np.ptp(lid[:, 0])
    assert np.ptp(x) < 1.4 * np.ptp(lid[:, 0])


def test_brow_stays_still_in_a_blink(portrait: Portrait, geometry: FaceGeometry) -> None:
    blinking = drawn(portrait.image, geometry, LEFT_EYE, Expression(blink=1))

    x, y = np.rint(geometry.points[[*LEFT_EYE.brow, *LEFT_EYE.brow_top], :2]).astype(int).T
    assert np.array_equal(blinking[y, x], portrait.image[y, x])


def test_black_and_white_picture_stays_so(portrait: Portrait, geometry: FaceGeometry) -> None:
    grey = np.repeat(cv2.cvtColor(portrait.image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)

    closed = drawn(grey, geometry, LEFT_EYE, Expression(blink=0.8))

    assert np.ptp(closed.astype(int), axis=2).max() <= 1
    assert not np.array_equal(closed, grey)


@pytest.mark.parametrize("gaze", [-1.0, 1.0], ids=["back", "forth"])
@BOTH
def test_gaze_moves_the_iris_and_not_the_lids(
    portrait: Portrait, geometry: FaceGeometry, points: EyePoints, gaze: float
) -> None:
    aside = drawn(portrait.image, geometry, points, Expression(gaze_x=gaze))
    down = drawn(portrait.image, geometry, points, Expression(gaze_y=gaze))

    assert 4 <= gaze * motion(portrait.image, aside, geometry, points)[0] <= 9
    assert 2 <= gaze * motion(portrait.image, down, geometry, points)[1] <= 4
    corners = np.rint(geometry.points[[points.upper_lid[0], points.upper_lid[-1]], :2]).astype(int)
    for glancing in (aside, down):
        assert np.array_equal(glancing[corners[:, 1], corners[:, 0]], portrait.image[corners[:, 1], corners[:, 0]])


def test_squint_raises_the_lower_lid_a_little(portrait: Portrait, geometry: FaceGeometry) -> None:
    squinting = drawn(portrait.image, geometry, LEFT_EYE, Expression(squint=1)).astype(float)

    x, y = np.rint(geometry.points[LEFT_EYE.lower_lid[4], :2]).astype(int)
    columns = slice(x - 4, x + 5)
    below = [portrait.image[y + rise : y + rise + 12, columns].astype(float) for rise in range(5)]
    errors = [np.abs(squinting[y : y + 12, columns] - strip).mean() for strip in below]
    assert 1 <= int(np.argmin(errors)) <= 3


def test_eye_that_is_shut_in_the_picture_stays_as_it_is(portrait: Portrait, geometry: FaceGeometry) -> None:
    assert np.array_equal(drawn(portrait.image, shut(geometry), LEFT_EYE, WIDE_AWAKE), portrait.image)


@pytest.mark.parametrize("colour", [(18, 16, 20), (190, 186, 180)], ids=["dark glasses", "blank stone"])
def test_eye_without_iris_and_white_stays_as_it_is(
    portrait: Portrait, geometry: FaceGeometry, colour: tuple[int, int, int]
) -> None:
    image = portrait.image.copy()
    x, y = np.rint(geometry.points[LEFT_EYE.iris[0], :2]).astype(int).tolist()
    cv2.ellipse(image, (x, y), (60, 40), 0, 0, 360, colour, -1)

    assert np.array_equal(drawn(image, geometry, LEFT_EYE, WIDE_AWAKE), image)


def test_eye_at_the_edge_of_its_picture_can_be_drawn(portrait: Portrait, geometry: FaceGeometry) -> None:
    x, y = np.rint(geometry.points[LEFT_EYE.iris[0], :2]).astype(int)
    cut = portrait.image[y - 4 :, x - 4 :].copy()

    assert drawn(cut, geometry.moved(4 - x, 4 - y), LEFT_EYE, WIDE_AWAKE).shape == cut.shape


def test_blink_that_was_drawn_before_costs_little(portrait: Portrait, geometry: FaceGeometry) -> None:
    eyes = [Eye(geometry, points, portrait.image) for points in EYES]
    image = portrait.image.copy()
    durations_s = []
    for _ in range(20):
        started = perf_counter()
        for eye in eyes:
            eye.paint(image, Expression(blink=0.5))
        durations_s.append(perf_counter() - started)

    assert min(durations_s) < durations_s[0] / 2
