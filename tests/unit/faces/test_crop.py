import cv2
import numpy as np
import pytest

from emo_hallo_ray.faces.crop import PortraitCrop, crop_portrait
from emo_hallo_ray.faces.landmarks import FEATURES, OVAL
from emo_hallo_ray.faces.selection import MainFace, find_main_face


def test_face_is_half_as_high_as_its_frame_and_in_the_middle(portrait: np.ndarray, face: MainFace) -> None:
    crop = crop_portrait(portrait, face.points)

    oval = crop.map_points(face.points, 512)[OVAL, :2]
    assert np.ptp(oval[:, 1]) == pytest.approx(256, abs=4)
    assert (oval.min(axis=0) + oval.max(axis=0)) / 2 == pytest.approx([256, 256], abs=4)


def test_points_follow_the_pixels(portrait: np.ndarray, face: MainFace) -> None:
    crop = crop_portrait(portrait, face.points)

    mapped, found = crop.map_points(face.points, 512), find_main_face(crop.cut(portrait, 512)).points

    assert np.linalg.norm(mapped[:, :2] - found[:, :2], axis=1).mean() < 4  # one pixel is 2.3 here


@pytest.mark.parametrize("size_px", [50, 100, 300], ids=["smaller", "equal", "larger"])
def test_mark_is_found_where_its_coordinates_are_mapped(size_px: int) -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    cv2.circle(image, (170, 90), 8, (255, 255, 255), -1)
    crop = PortraitCrop(left=110, top=40, side=100)

    marked = np.argwhere(crop.cut(image, size_px)[..., 0] > 127).mean(axis=0)[::-1]

    mark = crop.map_points(np.array([[170, 90, 0]], np.float32), size_px)[0, :2]
    assert marked == pytest.approx(mark, abs=0.6)


@pytest.mark.parametrize(
    "box",
    [(0, 400, 180, 440), (60, 400, 0, 300), (70, 260, 0, 512), (0, 512, 150, 300), (0, 170, 110, 340)],
    ids=["hair and cheek", "hair", "wide", "tall", "chin"],
)
def test_crop_of_a_picture_that_ends_at_the_face_holds_eyes_and_mouth(
    portrait: np.ndarray, box: tuple[int, int, int, int]
) -> None:
    top, bottom, left, right = box
    picture = portrait[top:bottom, left:right]
    points = find_main_face(picture).points

    crop = crop_portrait(picture, points)

    mapped = crop.map_points(points, 512)[:, :2]
    assert crop.cut(picture, 512).shape == (512, 512, 3)
    assert 0.45 < np.ptp(mapped[OVAL, 1]) / 512 < 0.80
    assert 10 < mapped[FEATURES].min() < mapped[FEATURES].max() < 502


def test_crop_stays_inside_a_picture_that_has_room(portrait: np.ndarray) -> None:
    picture = portrait[30:400, 130:500]
    points = find_main_face(picture).points

    crop = crop_portrait(picture, points)

    assert min(crop.left, crop.top) >= 0
    assert max(crop.left, crop.top) + crop.side <= 370


def test_border_repeats_beyond_the_picture() -> None:
    image = np.zeros((100, 60, 3), np.uint8)
    image[:, 0], image[:, -1] = 50, 200

    cut = PortraitCrop(left=-20, top=0, side=100).cut(image, 100)

    assert np.all(cut[:, :20] == 50)
    assert np.all(cut[:, 80:] == 200)
