import numpy as np
import pytest

from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry, locate, smoothstep
from emo_hallo_ray.faces.landmarks import (
    CHIN,
    LEFT_SIDE,
    LOWER_LIP_INNER,
    LOWER_LIP_OUTSIDE,
    OVAL,
    RIGHT_SIDE,
    UPPER_LIP_INNER,
    UPPER_LIP_INSIDE,
)


def turned(geometry: FaceGeometry, angle: float) -> FaceGeometry:
    """The face turned about the vertical, in radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    return FaceGeometry((geometry.points - geometry.mouth_centre) @ rotation + geometry.mouth_centre)


@pytest.mark.parametrize("angle", [-0.5, 0.0, 0.5])
def test_landmarks_have_the_same_coordinates_however_the_face_is_turned(geometry: FaceGeometry, angle: float) -> None:
    face = turned(geometry, angle)
    corners = [UPPER_LIP_INSIDE[0], UPPER_LIP_INSIDE[-1]]
    marks = [*corners, LOWER_LIP_INNER, UPPER_LIP_INNER, CHIN, LOWER_LIP_OUTSIDE[5]]

    at = locate(face, face.points[marks, :2])

    assert at.x[:2] == pytest.approx([-1, 1], abs=0.06)
    assert at.x[2:] == pytest.approx(np.zeros(4), abs=0.15)
    assert at.below_lower[2] == pytest.approx(0, abs=0.08)
    assert at.below_upper[3] == pytest.approx(0, abs=0.08)
    assert at.chin[[2, 4]] == pytest.approx([0, 1], abs=0.08)
    assert at.in_lower[5] == pytest.approx(1, abs=0.25)


def test_radius_is_one_on_the_oval_and_more_outside(geometry: FaceGeometry) -> None:
    oval = geometry.points[OVAL, :2]
    centre = (oval.min(axis=0) + oval.max(axis=0)) / 2

    assert locate(geometry, oval).radius == pytest.approx(1, abs=0.01)
    assert locate(geometry, centre + (oval - centre) * 1.5).radius == pytest.approx(1.5, abs=0.02)


def test_sides_of_the_face_are_about_one(geometry: FaceGeometry) -> None:
    at = locate(geometry, geometry.points[[LEFT_SIDE, RIGHT_SIDE], :2])

    assert at.side == pytest.approx([1, 1], abs=0.2)


def test_axes_are_square_to_each_other(geometry: FaceGeometry) -> None:
    assert geometry.axes @ geometry.axes.T == pytest.approx(np.eye(3), abs=1e-9)
    assert geometry.mouth_axes @ geometry.mouth_axes.T == pytest.approx(np.eye(2), abs=1e-9)


def test_smile_is_an_open_mouth_and_lips_that_meet_are_one_line(
    geometry: FaceGeometry, closed_geometry: FaceGeometry
) -> None:
    assert geometry.is_mouth_open
    assert not closed_geometry.is_mouth_open
    assert np.array_equal(*closed_geometry.lips)


def test_moved_face_keeps_its_measures(geometry: FaceGeometry) -> None:
    moved = geometry.moved(-40, 25)

    assert moved.mouth_centre == pytest.approx(geometry.mouth_centre + np.array([-40, 25, 0]))
    assert moved.half_mouth == pytest.approx(geometry.half_mouth)


def test_smoothstep_rises_from_zero_to_one() -> None:
    assert smoothstep(2.0, 4.0, np.array([0.0, 2.0, 3.0, 4.0, 9.0])) == pytest.approx([0, 0, 0.5, 1, 1])
