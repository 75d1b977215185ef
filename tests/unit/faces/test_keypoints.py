import numpy as np
import pytest

from emo_hallo_ray.faces.keypoints import mesh_keypoints, similarity
from emo_hallo_ray.faces.selection import MainFace


def test_keypoints_of_the_mesh_lie_on_the_features(face: MainFace) -> None:
    left_eye, right_eye, nose, left_mouth, right_mouth = mesh_keypoints(face.points)

    # the detector's own opinion, from another network
    for ours, theirs in ((left_eye, 0), (right_eye, 1), (nose, 2)):
        assert np.linalg.norm(ours - face.face.keypoints[theirs]) < 0.08 * face.face.width
    smile = (left_mouth + right_mouth) / 2 - face.face.keypoints[3]  # lifts the corners above the middle
    assert np.linalg.norm(smile) < 0.12 * face.face.width
    assert left_eye[0] < nose[0] < right_eye[0]


def test_similarity_recovers_turn_scale_and_shift() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 100, (5, 2))
    turn = np.array([[1.2, -0.9, 30], [0.9, 1.2, -7]])

    found = similarity(points, points @ turn[:, :2].T + turn[:, 2])

    assert found == pytest.approx(turn)


def test_similarity_does_not_mirror() -> None:
    points = np.array([[0, 0], [4, 0], [4, 1], [1, 3]])

    found = similarity(points, points * (-1, 1))

    assert np.linalg.det(found[:, :2]) > 0
