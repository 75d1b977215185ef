import cv2
import numpy as np
import pytest

from emo_hallo_ray.errors import FaceTooSmall, NoFaceFound
from emo_hallo_ray.faces.detector import FaceDetector
from emo_hallo_ray.faces.mesh import FaceMesh
from emo_hallo_ray.faces.selection import MIN_FACE_PX, MainFace, find_main_face, turned_deg


def test_plain_portrait_needs_no_remark(face: MainFace) -> None:
    assert face.remarks == ()


def test_owner_of_a_picture_that_cuts_the_face_is_told(portrait: np.ndarray) -> None:
    (remark,) = find_main_face(portrait[:, 200:]).remarks

    assert "cuts through the face" in remark


def test_largest_of_two_faces_is_taken_and_the_owner_told(portrait: np.ndarray) -> None:
    near = portrait[20:240, 110:330]
    picture = np.full((220, 375, 3), 128, np.uint8)
    picture[:155, :155], picture[:, 155:] = cv2.resize(near, (155, 155), interpolation=cv2.INTER_AREA), near

    face = find_main_face(picture)

    assert face.points[:, 0].min() > 155
    assert face.remarks == ("2 faces in the picture, the largest is animated",)


def test_what_only_looks_like_a_face_from_afar_is_neither_taken_nor_counted(portrait: np.ndarray) -> None:
    picture = cv2.copyMakeBorder(portrait, 700, 700, 700, 700, cv2.BORDER_CONSTANT, value=(190, 190, 190))
    assert len(FaceDetector().detect_faces(picture)) == 2  # the helmet is the larger one

    face = find_main_face(picture)

    assert face.points[:, :2].mean(axis=0) == pytest.approx([925, 830], abs=15)
    assert face.remarks == ()


def test_picture_without_a_face_is_refused_with_a_hint() -> None:
    with pytest.raises(NoFaceFound) as refusal:
        find_main_face(np.full((400, 300, 3), 200, np.uint8))

    assert refusal.value.detail == "No face was found in the image"
    assert "upright" in str(refusal.value.hint)


def test_small_face_is_refused_with_both_sizes(portrait: np.ndarray) -> None:
    tiny = cv2.resize(portrait, (140, 140), interpolation=cv2.INTER_AREA)

    with pytest.raises(FaceTooSmall, match=f"2[3-9] pixels wide, at least {MIN_FACE_PX} "):
        find_main_face(tiny)


def test_face_just_large_enough_is_accepted(portrait: np.ndarray) -> None:
    small = cv2.resize(portrait, (240, 240), interpolation=cv2.INTER_AREA)

    found = find_main_face(small)

    assert MIN_FACE_PX <= found.face.width < 50
    assert any("pixels wide; from 80 on" in remark for remark in found.remarks)


@pytest.mark.parametrize("seed", [9, 10, 11, 29, 30])
def test_spotted_ball_is_no_face(seed: int) -> None:
    """Both the detector and the presence model take it for one."""
    spots = np.random.default_rng(seed).random((7, 7)).astype(np.float32)
    shade = 0.45 + 0.7 * cv2.resize(spots, (400, 400), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.mgrid[:400, :400].astype(np.float32)
    light = np.clip(1.1 - np.hypot(columns - 150, rows - 140) / 300, 0.2, 1)
    disc = np.clip((150 - np.hypot(columns - 200, rows - 200)) / 2, 0, 1)[..., None]
    ball = np.array([225, 150, 105]) * (light * shade)[..., None]
    picture = np.clip(ball * disc + 110 * (1 - disc), 0, 255).astype(np.uint8)
    (suspect, *_) = FaceDetector().detect_faces(picture)
    assert FaceMesh().measure(picture, suspect)[1] > 0.9

    with pytest.raises(NoFaceFound):
        find_main_face(picture)


@pytest.mark.parametrize("colour", ["grey", "dark"])
def test_face_is_found_in_any_tone(portrait: np.ndarray, colour: str) -> None:
    grey = cv2.cvtColor(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    picture = grey if colour == "grey" else portrait // 3

    assert find_main_face(picture).face.width == pytest.approx(94, abs=8)


@pytest.mark.parametrize("angle", [-70, -40, 0, 40])
def test_turn_of_a_face_is_measured_to_either_side(face: MainFace, angle: float) -> None:
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    level = face.points - face.points.mean(axis=0)
    start = turned_deg(face.points)
    points = (level @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])).astype(np.float32)

    assert turned_deg(points) == pytest.approx(abs(angle), abs=start + 3)
