import cv2
import numpy as np
import pytest

from emo_hallo_ray.engines.preview.eyes.lids import Lids
from emo_hallo_ray.engines.preview.eyes.shape import EyeShape
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.portrait import Portrait
from emo_hallo_ray.faces.landmarks import EYES, EyePoints

BOTH = pytest.mark.parametrize("points", EYES, ids=["left", "right"])


def closed_lid(image: np.ndarray, shape: EyeShape, blink: float = 1.0) -> np.ndarray:
    painted = image.copy()
    Lids(shape, image).paint(painted, blink)
    return painted[shape.box].astype(float)


def is_lid(shape: EyeShape) -> np.ndarray:
    """Well inside the shut lid, away from its lashes."""
    depth = (shape.y - shape.upper) / np.maximum(shape.opening, 1)
    return (depth > 0.05) & (depth < 0.7) & (np.abs(shape.x) < 0.3 * shape.width)


@BOTH
def test_shut_lid_has_the_tone_of_the_skin_around(
    portrait: Portrait, geometry: FaceGeometry, points: EyePoints
) -> None:
    shape = EyeShape(geometry, points, portrait.image.shape)

    lid = np.median(closed_lid(portrait.image, shape)[is_lid(shape)], axis=0)

    cheek = (np.abs(shape.x) < 0.3 * shape.width) & (shape.y > shape.lower + 0.4 * shape.height)
    skin = np.median(portrait.image[shape.box][cheek], axis=0)
    assert np.all(np.abs(lid - skin) < 0.2 * skin)


def test_shut_lid_has_grain(portrait: Portrait, geometry: FaceGeometry) -> None:
    noisy = portrait.image + np.random.default_rng(0).normal(0, 6, portrait.image.shape)
    grainy = np.clip(noisy, 0, 255).astype(np.uint8)
    shape = EyeShape(geometry, EYES[0], grainy.shape)

    fine = {
        name: (picture - cv2.GaussianBlur(picture, (0, 0), 2))[is_lid(shape)].std()
        for name, picture in (("lid", closed_lid(grainy, shape)), ("plain", closed_lid(portrait.image, shape)))
    }

    assert fine["lid"] > 1.5 * fine["plain"]


@BOTH
@pytest.mark.parametrize("blink", [0.25, 0.55, 0.85])
def test_lid_edge_comes_down_in_proportion(
    portrait: Portrait, geometry: FaceGeometry, points: EyePoints, blink: float
) -> None:
    shape = EyeShape(geometry, points, portrait.image.shape)
    painted = closed_lid(portrait.image, shape, blink).mean(axis=2)

    middle = np.abs(shape.x) < 0.2 * shape.width
    depth = (shape.y - shape.upper) / np.maximum(shape.opening, 1)
    steps = np.linspace(-0.1, 1.1, 61)
    brightness = [painted[middle & (np.abs(depth - step) < 0.04)].mean() for step in steps]
    edge = steps[int(np.argmin(np.gradient(brightness)))]  # from skin to lashes
    assert edge == pytest.approx(0.91 * blink, abs=0.13)


def test_enlarged_picture_gets_a_softer_edge(portrait: Portrait, geometry: FaceGeometry) -> None:
    coarse = cv2.resize(cv2.resize(portrait.image, None, fx=0.25, fy=0.25), portrait.image.shape[1::-1])
    shape = EyeShape(geometry, EYES[0], portrait.image.shape)

    steepest = [
        np.abs(np.diff(closed_lid(picture, shape).mean(axis=2), axis=0)).max() for picture in (portrait.image, coarse)
    ]

    assert steepest[1] < steepest[0]


def test_barely_closed_lid_changes_barely_anything(portrait: Portrait, geometry: FaceGeometry) -> None:
    shape = EyeShape(geometry, EYES[0], portrait.image.shape)

    changes = [
        np.abs(closed_lid(portrait.image, shape, blink) - portrait.image[shape.box]).max() for blink in (0, 0.03, 1)
    ]

    assert changes[0] == 0
    assert changes[1] < 0.6 * changes[2]
