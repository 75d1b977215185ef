import cv2
import numpy as np
import pytest

from emo_hallo_ray.faces.detector import FaceDetector
from emo_hallo_ray.faces.landmarks import LEFT_EYE, OVAL, RIGHT_EYE, UPPER_LIP_INNER
from emo_hallo_ray.faces.mesh import FaceMesh, Region, region_of_points
from emo_hallo_ray.faces.selection import MainFace, find_main_face


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh()


def test_mesh_agrees_with_the_detector_about_eyes_and_mouth(mesh: FaceMesh, portrait: np.ndarray) -> None:
    face = FaceDetector().detect_faces(portrait)[0]

    points, presence = mesh.measure(portrait, face)

    assert points.shape == (478, 3)
    assert presence > 0.9
    seen = points[[LEFT_EYE.iris[0], RIGHT_EYE.iris[0], UPPER_LIP_INNER], :2]
    assert np.abs(seen - face.keypoints[[0, 1, 3]]).max() < 6


def test_points_turn_with_the_picture(portrait: np.ndarray, face: MainFace) -> None:
    turn = cv2.getRotationMatrix2D((225, 130), 20, 1.0)
    turned = cv2.warpAffine(portrait, turn, (512, 512), borderMode=cv2.BORDER_REFLECT)

    points = find_main_face(turned).points

    expected = face.points[:, :2] @ turn[:, :2].T + turn[:, 2]
    assert np.linalg.norm(points[:, :2] - expected, axis=1).mean() < 1.5


def test_points_scale_with_the_picture(portrait: np.ndarray, face: MainFace) -> None:
    larger = cv2.resize(portrait, None, fx=5, fy=5, interpolation=cv2.INTER_LINEAR)

    points = find_main_face(larger).points

    assert np.linalg.norm(points[:, :2] / 5 - face.points[:, :2], axis=1).mean() < 1.0
    assert np.abs(points[:, 2] / 5 - face.points[:, 2]).mean() < 1.5


def test_nose_is_nearer_than_the_sides_of_the_face(face: MainFace) -> None:
    assert face.points[1, 2] < face.points[OVAL, 2].min()


def test_both_models_agree_about_the_outline(mesh: FaceMesh, portrait: np.ndarray, face: MainFace) -> None:
    points, _ = mesh.measure_region(portrait, region_of_points(face.points))
    plain = mesh.measure_plainly(portrait, region_of_points(face.points))

    assert plain.shape == (468, 3)
    assert np.linalg.norm(plain[OVAL, :2] - points[OVAL, :2], axis=1).mean() < 4


def test_presence_is_low_where_there_is_no_face(mesh: FaceMesh, portrait: np.ndarray) -> None:
    _, presence = mesh.measure_region(portrait, Region(400, 400, 150, 0.0))

    assert presence < 0.5


def test_region_maps_its_middle_to_its_centre_whatever_its_rotation() -> None:
    to_image = Region(300.0, 200.0, 96.0, 0.7).to_image()

    assert to_image @ [96, 96, 1] == pytest.approx([300, 200])
    assert np.linalg.norm(to_image @ [192, 96, 1] - to_image @ [0, 96, 1]) == pytest.approx(96)
