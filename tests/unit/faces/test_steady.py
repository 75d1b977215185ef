import numpy as np

from emo_hallo_ray.faces.landmarks import CHIN, LOWER_LIP_INNER, OVAL, UPPER_LIP_INNER
from emo_hallo_ray.faces.mesh import FaceMesh
from emo_hallo_ray.faces.selection import MainFace
from emo_hallo_ray.faces.steady import measure_steadily


def test_steady_points_lie_near_those_of_one_pass(portrait: np.ndarray, face: MainFace) -> None:
    steady = measure_steadily(FaceMesh(), portrait, face.points)

    assert np.linalg.norm(steady[OVAL, :2] - face.points[OVAL, :2], axis=1).max() < 3


def test_steady_points_hardly_depend_on_the_first_pass(portrait: np.ndarray, face: MainFace) -> None:
    moved = face.points + np.array([2.0, -1.5, 0.0], np.float32)

    steady, from_moved = (measure_steadily(FaceMesh(), portrait, points) for points in (face.points, moved))

    assert np.linalg.norm(steady[:, :2] - from_moved[:, :2], axis=1).mean() < 0.5


def test_smile_that_shows_teeth_is_an_open_mouth(portrait: np.ndarray, face: MainFace) -> None:
    steady = measure_steadily(FaceMesh(), portrait, face.points)

    gap = steady[LOWER_LIP_INNER, 1] - steady[UPPER_LIP_INNER, 1]
    assert 4 < gap < 12  # the teeth are about eight pixels high
    assert steady[LOWER_LIP_INNER, 1] < steady[CHIN, 1] - 10
