import numpy as np
import pytest

from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.face.bases import JAW
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.face.warp import FaceWarp
from emo_hallo_ray.faces.landmarks import LOWER_LIP_OUTSIDE, UPPER_LIP_OUTSIDE

SIZE = 768


@pytest.fixture(scope="module")
def closed(closed_geometry: FaceGeometry) -> FaceWarp:
    return FaceWarp(closed_geometry, np.ones((SIZE, SIZE), np.float32))


@pytest.fixture(scope="module")
def smiling(geometry: FaceGeometry) -> FaceWarp:
    return FaceWarp(geometry, np.ones((SIZE, SIZE), np.float32))


def opening(warp: FaceWarp, expression: Expression) -> float:
    lips = warp.lips(expression)
    return float(lips.lower[5, 1] - lips.upper[5, 1])


def test_neutral_expression_moves_no_pixel(smiling: FaceWarp) -> None:
    pixels = smiling.pixel_map(Expression(), smiling.lips(Expression()))

    rows, columns = np.indices((SIZE, SIZE))
    assert np.array_equal(pixels.x, columns)
    assert np.array_equal(pixels.y, rows)


@pytest.mark.parametrize("jaw", [0.2, 0.5, 0.9])
def test_closed_mouth_opens_as_far_as_the_jaw_says(closed: FaceWarp, closed_geometry: FaceGeometry, jaw: float) -> None:
    full = JAW * 2 * closed_geometry.half_mouth

    assert opening(closed, Expression(jaw=jaw)) == pytest.approx(jaw * full, rel=0.25)


@pytest.mark.parametrize("jaw", [0.15, 0.3, 0.8])
def test_open_mouth_obeys_the_sound_when_it_settles(smiling: FaceWarp, geometry: FaceGeometry, jaw: float) -> None:
    full = JAW * 2 * geometry.half_mouth

    assert opening(smiling, Expression(jaw=jaw, settle=1)) == pytest.approx(jaw * full, abs=0.07 * full)


@pytest.mark.parametrize("jaw", [0.0, 0.4, 0.8])
def test_lips_meet_on_m_b_p_whatever_the_jaw_does(smiling: FaceWarp, closed: FaceWarp, jaw: float) -> None:
    pressed = Expression(jaw=jaw, close=1, settle=1)

    assert opening(closed, pressed) < 1.5
    assert opening(smiling, pressed) < 1.5


def test_pixels_outside_the_face_stay(smiling: FaceWarp) -> None:
    wild = Expression(jaw=1, width=1, settle=1, brow=1, upper=1)
    pixels = smiling.pixel_map(wild, smiling.lips(wild))

    rows, columns = np.indices((SIZE, SIZE))
    moved = np.abs(pixels.x - columns) + np.abs(pixels.y - rows)
    border = np.ones((SIZE, SIZE), bool)
    border[8:-8, 8:-8] = False
    assert moved[border].max() < 0.5
    assert moved[500:600, 250:500].max() > 10


@pytest.mark.parametrize("landmarks", [UPPER_LIP_OUTSIDE[2:-2], LOWER_LIP_OUTSIDE[2:-2]], ids=["upper", "lower"])
def test_map_leads_moved_lips_back_to_where_they_were(
    closed: FaceWarp, closed_geometry: FaceGeometry, landmarks: list[int]
) -> None:
    expression = Expression(jaw=0.6)
    pixels = closed.pixel_map(expression, closed.lips(expression))

    columns, rows = closed_geometry.points[landmarks, :2].T
    came_from = np.stack([pixels.x, pixels.y], axis=-1).reshape(-1, 2)
    nearest = [np.linalg.norm(came_from - place, axis=1).min() for place in np.stack([columns, rows], axis=1)]
    assert max(nearest) < 1.5


def test_face_does_not_fold_over_itself(closed: FaceWarp) -> None:
    wide_open = Expression(jaw=1)
    lips = closed.lips(wide_open)
    pixels = closed.pixel_map(wide_open, lips)

    column = pixels.y[:, 384]
    below, above = column[int(lips.lower[5, 1]) + 4 : 760], column[100 : int(lips.upper[5, 1]) - 4]
    assert np.diff(below).min() > 0
    assert np.diff(above).min() > 0
