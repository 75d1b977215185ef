import numpy as np
import pytest

from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.eyes import Eye
from emo_hallo_ray.engines.preview.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.portrait import Portrait
from emo_hallo_ray.engines.preview.warp import PixelMap
from emo_hallo_ray.faces.landmarks import EYES, LEFT_EYE, EyePoints


def drawn(portrait: Portrait, geometry: FaceGeometry, points: EyePoints, expression: Expression) -> np.ndarray:
    eye = Eye(geometry, points, portrait.image, is_grey=False)
    rows, columns = np.indices(portrait.image.shape[:2], dtype=np.float32)
    pixels = PixelMap(columns, rows)
    eye.move(pixels, expression)
    image = pixels.read(portrait.image)
    eye.paint(image, expression)
    return image


def iris(image: np.ndarray, geometry: FaceGeometry, points: EyePoints) -> np.ndarray:
    x, y = np.rint(geometry.points[points.iris[0], :2]).astype(int)
    return image[y - 5 : y + 6, x - 6 : x + 7].astype(float)


@pytest.mark.parametrize("points", EYES, ids=["left", "right"])
def test_open_eye_is_the_picture(portrait: Portrait, geometry: FaceGeometry, points: EyePoints) -> None:
    assert np.array_equal(drawn(portrait, geometry, points, Expression()), portrait.image)


@pytest.mark.parametrize("points", EYES, ids=["left", "right"])
def test_closed_lid_covers_the_iris_with_skin(portrait: Portrait, geometry: FaceGeometry, points: EyePoints) -> None:
    closed = iris(drawn(portrait, geometry, points, Expression(blink=1)), geometry, points)

    before = iris(portrait.image, geometry, points)
    assert before.mean() < 90
    assert closed.mean() > 130
    assert closed.mean(axis=2).std() < before.mean(axis=2).std() / 2


def test_lid_comes_down_step_by_step(portrait: Portrait, geometry: FaceGeometry) -> None:
    brightness = [
        iris(drawn(portrait, geometry, LEFT_EYE, Expression(blink=blink)), geometry, LEFT_EYE).mean()
        for blink in (0, 0.5, 0.75, 1)
    ]

    assert brightness == sorted(brightness)


def test_blink_stays_between_brow_and_cheek(portrait: Portrait, geometry: FaceGeometry) -> None:
    changed = (
        np.abs(drawn(portrait, geometry, LEFT_EYE, Expression(blink=1)).astype(int) - portrait.image).max(axis=2) > 8
    )

    x, y = np.argwhere(changed)[:, ::-1].T
    brow, lid = geometry.points[LEFT_EYE.brow_top, 1], geometry.points[LEFT_EYE.lower_lid, :2]
    assert y.min() > brow.min()
    assert y.max() < lid[:, 1].max() + 0.5 * np.ptp(lid[:, 0])
    assert np.ptp(x) < 1.4 * np.ptp(lid[:, 0])


@pytest.mark.parametrize("gaze_x", [-1.0, 1.0])
def test_gaze_moves_the_iris_and_not_the_lids(portrait: Portrait, geometry: FaceGeometry, gaze_x: float) -> None:
    glancing = drawn(portrait, geometry, LEFT_EYE, Expression(gaze_x=gaze_x))

    x, y = np.rint(geometry.points[LEFT_EYE.iris[0], :2]).astype(int)
    dark_columns = [
        np.average(np.arange(41), weights=255 - image[y, x - 20 : x + 21].mean(axis=1))
        for image in (portrait.image, glancing)
    ]
    assert np.sign(dark_columns[1] - dark_columns[0]) == gaze_x
    corner_x, corner_y = np.rint(geometry.points[LEFT_EYE.upper_lid[0], :2]).astype(int)
    assert np.array_equal(glancing[corner_y, corner_x], portrait.image[corner_y, corner_x])
