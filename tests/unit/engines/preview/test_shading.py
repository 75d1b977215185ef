import numpy as np
import pytest

from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.face.shading import SHADES, FaceShading, filled_folds
from emo_hallo_ray.engines.preview.portrait import Portrait
from emo_hallo_ray.faces.landmarks import FOREHEAD, LEFT_FOLD, RIGHT_FOLD


def amounts(**by_name: float) -> np.ndarray:
    return np.array([by_name.get(name, 0.0) for name in SHADES], np.float32)


def brightness(image: np.ndarray, geometry: FaceGeometry, landmarks: list[int]) -> float:
    x, y = np.rint(geometry.points[landmarks, :2]).astype(int).T
    return float(
        np.mean([image[row - 2 : row + 3, column - 2 : column + 3].mean() for row, column in zip(y, x, strict=True)])
    )


def test_face_at_rest_keeps_its_light(portrait: Portrait, geometry: FaceGeometry) -> None:
    image = portrait.image.copy()

    FaceShading(geometry, np.ones((768, 768), np.float32)).apply(image, amounts())

    assert np.array_equal(image, portrait.image)


def test_smile_deepens_the_folds_and_a_pursed_mouth_does_not_reach_the_forehead(
    portrait: Portrait, geometry: FaceGeometry
) -> None:
    shading = FaceShading(geometry, np.ones((768, 768), np.float32))
    smiling, pursed = portrait.image.copy(), portrait.image.copy()

    shading.apply(smiling, amounts(wide=1))
    shading.apply(pursed, amounts(pucker=1))

    folds = [*LEFT_FOLD[1:4], *RIGHT_FOLD[1:4]]
    before = brightness(portrait.image, geometry, folds)
    assert 0.85 * before < brightness(smiling, geometry, folds) < 0.96 * before
    assert brightness(pursed, geometry, [FOREHEAD]) == brightness(portrait.image, geometry, [FOREHEAD])


def test_open_jaw_changes_light_smoothly(portrait: Portrait, geometry: FaceGeometry) -> None:
    image = np.full_like(portrait.image, 200)

    FaceShading(geometry, np.ones((768, 768), np.float32)).apply(image, amounts(opening=1))

    steps = np.abs(np.diff(image[..., 0].astype(int), axis=0))
    assert image.min() < 195
    assert steps.max() <= 3


def test_folds_are_only_ever_lightened_and_only_beside_the_mouth(portrait: Portrait, geometry: FaceGeometry) -> None:
    first, *_, last = filled_folds(geometry, portrait.image, np.ones((768, 768), np.float32))

    assert np.array_equal(first, portrait.image)
    gain = last.astype(int) - portrait.image
    assert gain.min() == 0
    assert gain.max() > 5
    far = np.ones(gain.shape[:2], bool)
    low, high = (f(geometry.points[[*LEFT_FOLD, *RIGHT_FOLD], :2], axis=0).astype(int) for f in (np.min, np.max))
    margin = int(geometry.half_mouth)
    far[low[1] - margin : high[1] + margin, low[0] - margin : high[0] + margin] = False
    assert gain[far].max() == pytest.approx(0, abs=1)
