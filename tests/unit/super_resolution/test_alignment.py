import numpy as np
import pytest

from emo_hallo_ray.faces.detector import FaceDetector
from emo_hallo_ray.faces.keypoints import NOSE_TIP, mesh_keypoints
from emo_hallo_ray.faces.landmarks import LEFT_EYE, LEFT_MOUTH_CORNER, RIGHT_EYE, RIGHT_MOUTH_CORNER
from emo_hallo_ray.faces.mesh import FaceMesh
from emo_hallo_ray.super_resolution.alignment import (
    TEMPLATE,
    AlignedFace,
    after_enlarging,
    aligning_matrix,
    before_enlarging,
    cut,
)
from tests.unit.super_resolution.videos import film

KEYPOINT_GROUPS = [
    LEFT_EYE.upper_lid + LEFT_EYE.lower_lid,
    RIGHT_EYE.upper_lid + RIGHT_EYE.lower_lid,
    [NOSE_TIP],
    [LEFT_MOUTH_CORNER],
    [RIGHT_MOUTH_CORNER],
]


def measure(frame: np.ndarray) -> np.ndarray:
    points, _ = FaceMesh().measure(frame, FaceDetector().detect_faces(frame)[0])
    return points


def aligned(matrix: np.ndarray) -> AlignedFace:
    return AlignedFace(matrix, TEMPLATE, 1.0)


@pytest.mark.parametrize("turn_deg", [-25, 0, 40])
@pytest.mark.parametrize("zoom", [1.0, 2.5])
def test_features_of_the_crop_lie_where_ffhq_has_them(portrait: np.ndarray, zoom: float, turn_deg: float) -> None:
    frame = film(portrait, zoom, turn_deg=turn_deg)

    crop = cut(frame, aligned(aligning_matrix(measure(frame))))

    seen = mesh_keypoints(measure(crop)) - TEMPLATE
    # a wide smile: no similarity brings its corners to those of a calm mouth
    assert np.abs(seen).max() < 14
    assert np.abs(seen.mean(axis=0)).max() < 2


def test_five_points_that_fit_the_template_are_met_exactly() -> None:
    turn = np.array([[0.5, -0.2, 80], [0.2, 0.5, 40]])
    fitting = TEMPLATE @ turn[:, :2].T + turn[:, 2]
    points = np.zeros((478, 2))
    for group, place in zip(KEYPOINT_GROUPS, fitting, strict=True):
        points[group] = place

    matrix = aligning_matrix(points)

    assert fitting @ matrix[:, :2].T + matrix[:, 2] == pytest.approx(TEMPLATE, abs=1e-3)


def test_cut_without_motion_is_the_frame_itself(portrait: np.ndarray) -> None:
    assert np.array_equal(cut(portrait, aligned(np.eye(2, 3))), portrait)


def test_beyond_the_frame_its_border_repeats(portrait: np.ndarray) -> None:
    crop = cut(portrait, aligned(np.array([[1.0, 0, 100], [0, 1, 0]])))

    assert np.array_equal(crop[:, 100:], portrait[:, :412])
    assert np.array_equal(crop[:, :100], np.repeat(portrait[:, :1], 100, axis=1))


def test_large_face_is_averaged_down_without_aliasing() -> None:
    stripes = np.zeros((2048, 2048, 3), np.uint8)
    stripes[:, ::2] = 200

    crop = cut(stripes, aligned(np.array([[0.25, 0, -0.375], [0, 0.25, -0.375]])))

    assert np.abs(crop.astype(int) - 100).max() <= 1


def test_enlarging_undoes_itself() -> None:
    matrix = np.array([[0.8, -0.3, 12], [0.3, 0.8, -5]])

    assert after_enlarging(after_enlarging(matrix, 3), 1 / 3) == pytest.approx(matrix)
    assert before_enlarging(before_enlarging(matrix, 3), 1 / 3) == pytest.approx(matrix)
