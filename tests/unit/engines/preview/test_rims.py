import cv2
import numpy as np
import pytest

from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.eyes.eye import Eye
from emo_hallo_ray.engines.preview.eyes.rims import behind_rims, find_rims
from emo_hallo_ray.engines.preview.eyes.shape import EyeShape
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.face.warp import PixelMap
from emo_hallo_ray.engines.preview.portrait import Portrait
from emo_hallo_ray.faces.landmarks import EYES, EyePoints

BOTH = pytest.mark.parametrize("points", EYES, ids=["left", "right"])


def with_glasses(image: np.ndarray, geometry: FaceGeometry, points: EyePoints) -> tuple[np.ndarray, np.ndarray]:
    """The picture with a rim that crosses the upper lid, and where the rim is."""
    x, y = geometry.points[points.iris[0], :2]
    size = geometry.eye_distance
    centre, axes = (round(x), round(y + 0.08 * size)), (round(0.25 * size), round(0.16 * size))
    rim = cv2.ellipse(np.zeros(image.shape[:2], np.uint8), centre, axes, 0, 0, 360, 1, 5)
    return np.where(rim[..., None] > 0, np.uint8([30, 25, 25]), image), rim > 0


@BOTH
def test_bare_eye_has_no_rims(portrait: Portrait, geometry: FaceGeometry, points: EyePoints) -> None:
    shape = EyeShape(geometry, points, portrait.image.shape)

    assert not find_rims(shape, portrait.image).any()
    assert np.array_equal(behind_rims(shape, portrait.image, np.zeros(shape.x.shape)), portrait.image)


@BOTH
def test_rim_above_the_eye_is_found_and_can_be_taken_away(
    portrait: Portrait, geometry: FaceGeometry, points: EyePoints
) -> None:
    image, rim = with_glasses(portrait.image, geometry, points)
    shape = EyeShape(geometry, points, image.shape)
    above = rim[shape.box] & (shape.y < shape.upper) & (np.abs(shape.x) < 0.5 * shape.width)

    rims = find_rims(shape, image)

    assert np.mean(rims[above] > 0.5) > 0.95
    assert behind_rims(shape, image, rims)[shape.box][above].mean() > 2 * image[shape.box][above].mean()


@BOTH
def test_lid_shuts_behind_the_rim(portrait: Portrait, geometry: FaceGeometry, points: EyePoints) -> None:
    image, rim = with_glasses(portrait.image, geometry, points)
    eye, expression = Eye(geometry, points, image), Expression(blink=1, gaze_x=0.5)
    rows, columns = np.indices(image.shape[:2], dtype=np.float32)
    pixels = PixelMap(columns, rows)
    eye.move(pixels, expression)
    shut = pixels.read(image)
    eye.paint(shut, expression)

    x, y = np.rint(geometry.points[points.iris[0], :2]).astype(int)
    above = rim & (rows < y - 12) & (np.abs(columns - x) < 30)
    assert shut[above].mean() < 45
    assert shut[y - 2 : y + 3, x - 4 : x + 5].mean() > 120
