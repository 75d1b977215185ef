import cv2
import numpy as np
import pytest

from emo_hallo_ray.faces.detector import FaceDetector


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def test_face_is_found_with_its_eyes_nose_and_mouth_in_place(detector: FaceDetector, portrait: np.ndarray) -> None:
    (face,) = detector.detect_faces(portrait)

    left_eye, right_eye, nose, mouth, *_ = face.keypoints
    assert face.box == pytest.approx([178, 81, 272, 175], abs=6)
    assert face.score > 0.8
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_eye[1] < nose[1] < mouth[1] < face.box[3]


@pytest.mark.parametrize(
    "margin", [(0, 0, 1500, 0), (0, 1500, 0, 0), (700, 700, 700, 700)], ids=["above", "right", "around"]
)
def test_face_too_small_for_one_look_is_found_in_a_tile(
    detector: FaceDetector, portrait: np.ndarray, margin: tuple[int, int, int, int]
) -> None:
    below, right, above, left = margin
    picture = cv2.copyMakeBorder(portrait, above, below, left, right, cv2.BORDER_CONSTANT, value=(190, 190, 190))

    face = max(detector.detect_faces(picture), key=lambda face: face.score)

    assert face.box == pytest.approx([178 + left, 81 + above, 272 + left, 175 + above], abs=10)
    assert detector.detect_faces(picture, small=False) == []


def test_face_that_fills_the_picture_is_found(detector: FaceDetector, portrait: np.ndarray) -> None:
    close_up = cv2.resize(portrait[76:180, 172:276], (600, 600))

    face = detector.detect_faces(close_up)[0]

    assert face.width > 400


def test_larger_face_comes_first(detector: FaceDetector, portrait: np.ndarray) -> None:
    near = portrait[20:240, 110:330]
    picture = np.full((220, 375, 3), 128, np.uint8)
    picture[:155, :155], picture[:, 155:] = cv2.resize(near, (155, 155), interpolation=cv2.INTER_AREA), near

    large_face, small_face = detector.detect_faces(picture)

    assert large_face.box[0] > 155 > small_face.box[2]


def test_face_seen_in_several_tiles_counts_once(detector: FaceDetector, portrait: np.ndarray) -> None:
    picture = cv2.copyMakeBorder(portrait, 900, 900, 900, 900, cv2.BORDER_REPLICATE)

    assert len(detector.detect_faces(picture)) == 1


@pytest.mark.parametrize("shape", [(300, 300), (40, 900), (900, 40), (1, 1)], ids=str)
def test_picture_without_a_face_has_none(detector: FaceDetector, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (*shape, 3)).astype(np.uint8)

    assert detector.detect_faces(noise) == []
