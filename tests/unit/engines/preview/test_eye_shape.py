import numpy as np
import pytest

from emo_hallo_ray.engines.preview.eyes.shape import EyeShape
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.portrait import Portrait
from emo_hallo_ray.faces.landmarks import LEFT_EYE


@pytest.fixture
def shape(portrait: Portrait, geometry: FaceGeometry) -> EyeShape:
    return EyeShape(geometry, LEFT_EYE, portrait.image.shape)


def test_places_go_to_the_eye_and_back(shape: EyeShape, geometry: FaceGeometry) -> None:
    places = geometry.points[:20, :2]

    assert shape.to_picture(*shape.to_eye(places).T) == pytest.approx(places)


def test_corners_lie_level_at_both_ends(shape: EyeShape, geometry: FaceGeometry) -> None:
    corners = shape.to_eye(geometry.points[[LEFT_EYE.upper_lid[0], LEFT_EYE.upper_lid[-1]], :2])

    assert corners == pytest.approx(np.array([[-shape.width / 2, 0], [shape.width / 2, 0]]))


def test_eye_opens_between_its_corners_only(shape: EyeShape) -> None:
    assert shape.opening.min() >= 0
    assert shape.opening.max() == pytest.approx(shape.height, rel=0.15)
    assert shape.opening[np.abs(shape.x) > shape.width / 2].max() < 0.01 * shape.height


def test_turned_picture_has_the_same_eye(portrait: Portrait, geometry: FaceGeometry, shape: EyeShape) -> None:
    size = portrait.image.shape[0]
    points = np.column_stack([geometry.points[:, 1], size - 1 - geometry.points[:, 0], geometry.points[:, 2]])

    turned = EyeShape(FaceGeometry(points), LEFT_EYE, portrait.image.shape)

    assert (turned.width, turned.height) == pytest.approx((shape.width, shape.height))
    read, read_turned = (
        which.read(picture, np.array([0.0]), np.array([3.0]))
        for which, picture in ((shape, portrait.image), (turned, np.rot90(portrait.image).copy()))
    )
    assert read_turned == pytest.approx(read, abs=3)
