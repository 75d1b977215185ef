import cv2
import numpy as np
import pytest

from emo_hallo_ray.faces.landmarks import CHIN, LOWER_LIP_INNER, OVAL, UPPER_LIP_INNER
from emo_hallo_ray.faces.mesh import FaceMesh
from emo_hallo_ray.faces.selection import MainFace
from emo_hallo_ray.faces.steady import measure_steadily


def test_steady_points_lie_near_those_of_one_pass(portrait: np.ndarray, face: MainFace) -> None:
    steady = measure_steadily(FaceMesh(), portrait, face.points).points

    assert np.linalg.norm(steady[OVAL, :2] - face.points[OVAL, :2], axis=1).max() < 3


def test_steady_points_hardly_depend_on_the_first_pass(portrait: np.ndarray, face: MainFace) -> None:
    moved = face.points + np.array([2.0, -1.5, 0.0], np.float32)

    steady, from_moved = (measure_steadily(FaceMesh(), portrait, points).points for points in (face.points, moved))

    assert np.linalg.norm(steady[:, :2] - from_moved[:, :2], axis=1).mean() < 0.5


def test_smile_that_shows_teeth_is_an_open_mouth(portrait: np.ndarray, face: MainFace) -> None:
    steady = measure_steadily(FaceMesh(), portrait, face.points).points

    gap = steady[LOWER_LIP_INNER, 1] - steady[UPPER_LIP_INNER, 1]
    assert 4 < gap < 12  # the teeth are about eight pixels high
    assert steady[LOWER_LIP_INNER, 1] < steady[CHIN, 1] - 10


def test_mouth_in_full_view_is_visible(portrait: np.ndarray, face: MainFace) -> None:
    assert measure_steadily(FaceMesh(), portrait, face.points).is_mouth_visible


@pytest.mark.parametrize("cover", ["mask", "hand", "microphone"])
def test_covered_mouth_is_noticed(portrait: np.ndarray, face: MainFace, cover: str) -> None:
    covered = covered_mouth(portrait, face, cover)

    assert not measure_steadily(FaceMesh(), covered, face.points).is_mouth_visible


def covered_mouth(portrait: np.ndarray, face: MainFace, cover: str) -> np.ndarray:
    """The portrait with something drawn over the mouth."""
    x, y = face.points[[UPPER_LIP_INNER, LOWER_LIP_INNER], :2].mean(axis=0)
    width = np.ptp(face.points[OVAL, 0])
    across, down, colour = {
        "mask": (0.48, 0.42, (170, 200, 220)),
        "hand": (0.33, 0.17, portrait[155, 205] * 0.92),
        "microphone": (0.20, 0.20, (35, 35, 38)),
    }[cover]
    shape = np.zeros(portrait.shape[:2], np.uint8)
    cv2.ellipse(shape, (int(x), int(y)), (int(across * width), int(down * width)), 10, 0, 360, 255, -1)
    share = cv2.GaussianBlur(shape, (0, 0), 1.0)[..., None] / 255
    grain = np.random.default_rng(0).normal(0, 4, portrait.shape)
    return np.clip(portrait * (1 - share) + (np.array(colour) + grain) * share, 0, 255).astype(np.uint8)
