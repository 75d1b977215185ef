import numpy as np
import pytest

from emo_hallo_ray.engines.preview.face.brows import RAISE, raised_brows
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry
from emo_hallo_ray.faces.landmarks import EYES, FOREHEAD, LEFT_EYE, RIGHT_EYE, EyePoints


@pytest.mark.parametrize(("points", "side"), [(LEFT_EYE, 0), (RIGHT_EYE, 1)], ids=["left", "right"])
def test_each_brow_goes_up_alone(geometry: FaceGeometry, points: EyePoints, side: int) -> None:
    middle = geometry.points[[points.brow[2]], :2]

    raised = raised_brows(geometry, middle)[:, 0] @ geometry.axes[1, :2] / (RAISE * geometry.eye_distance)

    assert raised[side] < -0.7
    assert raised[1 - side] == pytest.approx(0, abs=0.01)


def test_eyes_stay(geometry: FaceGeometry) -> None:
    irises = geometry.points[[eye.iris[0] for eye in EYES], :2]

    assert np.abs(raised_brows(geometry, irises)).max() < 0.05 * RAISE * geometry.eye_distance


def test_skin_above_follows_smoothly(geometry: FaceGeometry) -> None:
    brow, forehead = geometry.points[LEFT_EYE.brow_top[2], :2], geometry.points[FOREHEAD, :2]
    up = (forehead - brow) @ geometry.axes[1, :2] * geometry.axes[1, :2]
    places = brow + np.linspace(0, 1.5, 60)[:, None] * up

    height = -raised_brows(geometry, places)[0] @ geometry.axes[1, :2]
    stretch = np.diff(height) / np.linalg.norm(places[1] - places[0])
    assert np.all(stretch <= 0)
    assert stretch.min() > -0.2
    assert height[-1] < 0.25 * height[0]
