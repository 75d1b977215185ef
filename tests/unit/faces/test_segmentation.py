import cv2
import numpy as np
import pytest

from emo_hallo_ray.faces.landmarks import OVAL
from emo_hallo_ray.faces.segmentation import segment_person
from emo_hallo_ray.faces.selection import MainFace


@pytest.fixture(scope="module")
def person(portrait: np.ndarray) -> np.ndarray:
    return segment_person(portrait)


def test_person_is_told_from_background(person: np.ndarray, face: MainFace) -> None:
    assert person.shape == (256, 256)
    x, y = np.rint(face.points[OVAL, :2].mean(axis=0) / 2).astype(int)
    assert person[y - 15 : y + 15, x - 15 : x + 15].min() > 0.9
    assert person[:40, :40].max() < 0.1


def test_hair_and_clothes_belong_to_the_person(person: np.ndarray, face: MainFace) -> None:
    left, top = np.rint(face.points[OVAL, :2].min(axis=0) / 2).astype(int)
    x = round(float(face.points[OVAL, 0].mean()) / 2)

    assert person[top - 5, x] > 0.9
    assert person[top + 20, left - 5] > 0.9
    assert person[-10, x] > 0.9


def test_mirrored_picture_gives_the_mirrored_person(person: np.ndarray, portrait: np.ndarray) -> None:
    mirrored = segment_person(np.ascontiguousarray(portrait[:, ::-1]))[:, ::-1]

    assert ((mirrored > 0.5) != (person > 0.5)).mean() < 0.02


def test_size_of_the_picture_does_not_matter(person: np.ndarray, portrait: np.ndarray) -> None:
    larger = segment_person(cv2.resize(portrait, (1200, 1200), interpolation=cv2.INTER_LINEAR))

    assert ((larger > 0.5) != (person > 0.5)).mean() < 0.01


def test_nobody_is_found_in_an_empty_picture() -> None:
    assert segment_person(np.full((300, 300, 3), 127, np.uint8)).mean() < 0.05
