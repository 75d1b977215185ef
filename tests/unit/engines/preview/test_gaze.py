import numpy as np
import pytest

from emo_hallo_ray.engines.preview.eyes.gaze import ACROSS, gaze_fields
from emo_hallo_ray.engines.preview.eyes.shape import EyeShape
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.portrait import Portrait
from emo_hallo_ray.faces.landmarks import EYES, EyePoints


@pytest.mark.parametrize("points", EYES, ids=["left", "right"])
def test_iris_moves_as_one_piece(portrait: Portrait, geometry: FaceGeometry, points: EyePoints) -> None:
    shape = EyeShape(geometry, points, portrait.image.shape)
    iris = geometry.points[points.iris, :2]

    sideways, _ = gaze_fields(shape, iris)

    centre, *rim = shape.to_eye(iris)
    radius = np.mean(np.linalg.norm(np.array(rim) - centre, axis=1))
    depth = (shape.y - shape.upper) / np.maximum(shape.opening, 1)
    on_iris = (np.abs(shape.x - centre[0]) < radius) & (depth > 0.2) & (depth < 0.8)
    assert sideways[0][on_iris] == pytest.approx(-ACROSS * shape.width, rel=1e-4)


@pytest.mark.parametrize("points", EYES, ids=["left", "right"])
def test_nothing_beyond_the_lids_moves(portrait: Portrait, geometry: FaceGeometry, points: EyePoints) -> None:
    shape = EyeShape(geometry, points, portrait.image.shape)

    fields = np.stack(gaze_fields(shape, geometry.points[points.iris, :2]))

    outside = (shape.y <= shape.upper) | (shape.y >= shape.lower) | (np.abs(shape.x) > 0.6 * shape.width)
    assert not fields[..., outside].any()
    assert fields[..., ~outside].any()
