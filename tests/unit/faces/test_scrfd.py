"""Decoding, over a model that sees the same faces everywhere."""

from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.errors import UnusableModelFile
from emo_hallo_ray.faces.scrfd import Scrfd
from tests.tiny_models.faces import write_identity, write_scrfd

BOX = np.array([200.0, 100, 400, 360])
POINTS = np.array([[250.0, 190], [350, 192], [300, 240], [260, 300], [340, 301]])
SQUARE = np.zeros((640, 640, 3), np.uint8)


def test_boxes_and_points_are_in_pixels_of_the_picture(tmp_path: Path) -> None:
    detector = Scrfd(write_scrfd(tmp_path / "scrfd.onnx", [(0.9, BOX, POINTS)]))

    (face,) = detector.find_faces(np.zeros((1280, 960, 3), np.uint8))

    assert face.box == pytest.approx(BOX * 2)
    assert face.keypoints == pytest.approx(POINTS * 2)
    assert face.score == pytest.approx(0.9)
    assert face.area == pytest.approx(400 * 520)


def test_faces_of_all_levels_are_found_the_largest_first(tmp_path: Path) -> None:
    small, middle = (20.0, 30, 60, 80), (500.0, 30, 600, 130)
    faces = [(0.6, small, POINTS / 10), (0.7, middle, POINTS + 200), (0.55, BOX, POINTS)]

    found = Scrfd(write_scrfd(tmp_path / "scrfd.onnx", faces)).find_faces(SQUARE)

    assert [tuple(face.box.round()) for face in found] == [tuple(BOX), middle, small]


def test_of_boxes_over_one_face_the_surest_stays(tmp_path: Path) -> None:
    faces = [(0.6, BOX + 4, POINTS), (0.8, BOX, POINTS + 1), (0.49, (0.0, 0, 90, 90), POINTS)]

    (face,) = Scrfd(write_scrfd(tmp_path / "scrfd.onnx", faces)).find_faces(SQUARE)

    assert face.score == pytest.approx(0.8)


def test_picture_without_faces_has_none(tmp_path: Path) -> None:
    assert Scrfd(write_scrfd(tmp_path / "scrfd.onnx", [])).find_faces(SQUARE) == []


def test_picture_of_any_shape_will_do(tmp_path: Path) -> None:
    (face,) = Scrfd(write_scrfd(tmp_path / "scrfd.onnx", [(0.9, BOX, POINTS)])).find_faces(SQUARE[:1])

    assert face.box == pytest.approx(BOX)


def test_detector_without_points_is_refused(tmp_path: Path) -> None:
    detector = Scrfd(write_scrfd(tmp_path / "models" / "scrfd.onnx", [], n_points=4))

    with pytest.raises(UnusableModelFile, match=r"models/scrfd\.onnx cannot be used: it should make .* and makes"):
        detector.find_faces(SQUARE)


def test_model_for_other_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableModelFile, match=r"it should read tensor\(float\) \[1, 3, 640, 640\], and reads"):
        Scrfd(write_identity(tmp_path / "scrfd.onnx"))
