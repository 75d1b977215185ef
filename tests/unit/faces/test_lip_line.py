import numpy as np
import pytest

from emo_hallo_ray.faces.landmarks import LOWER_LIP_INSIDE, OVAL, UPPER_LIP_INSIDE
from emo_hallo_ray.faces.lip_line import snap_closed_lips
from emo_hallo_ray.faces.selection import MainFace

SCALE = 4  # large enough for a line that is thinner than the search


def closed(face: MainFace, row: float) -> np.ndarray:
    """Points of a large face whose lips meet on one row."""
    points = face.points * np.float32(SCALE)
    points[UPPER_LIP_INSIDE, 1] = points[LOWER_LIP_INSIDE, 1] = row
    points[LOWER_LIP_INSIDE, 0] = points[UPPER_LIP_INSIDE, 0]
    return points


@pytest.fixture
def plain_picture() -> np.ndarray:
    return np.full((512 * SCALE, 512 * SCALE, 3), 170, np.uint8)


@pytest.mark.parametrize("offset", [-3.0, 0.0, 3.0])
def test_lips_move_to_the_dark_line_nearby(plain_picture: np.ndarray, face: MainFace, offset: float) -> None:
    plain_picture[599:602] = 60
    points = closed(face, 600 + offset)

    snapped = snap_closed_lips(plain_picture, points)

    assert snapped[UPPER_LIP_INSIDE, 1] == pytest.approx(600, abs=0.7)
    assert np.array_equal(snapped[UPPER_LIP_INSIDE, :2], snapped[LOWER_LIP_INSIDE, :2])
    assert np.array_equal(snapped[OVAL], points[OVAL])


def test_lips_without_a_line_between_them_stay(plain_picture: np.ndarray, face: MainFace) -> None:
    points = closed(face, 600)

    snapped = snap_closed_lips(plain_picture, points)

    assert snapped[:, :2] == pytest.approx(points[:, :2], abs=1e-4)


def test_open_lips_stay(portrait: np.ndarray, face: MainFace) -> None:
    points = face.points.copy()
    points[LOWER_LIP_INSIDE, 1] += 10

    assert snap_closed_lips(portrait, points) is points
