import cv2
import numpy as np
import pytest

from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.head import HeadMotion
from emo_hallo_ray.engines.preview.portrait import FRAME_PX, WORK_PX, Portrait
from emo_hallo_ray.faces.landmarks import LEFT_SIDE, RIGHT_SIDE

NOSE_TIP = 1


@pytest.fixture(scope="module")
def head(geometry: FaceGeometry) -> HeadMotion:
    return HeadMotion(geometry, WORK_PX, FRAME_PX)


def shift_at(head: HeadMotion, geometry: FaceGeometry, landmark: int, expression: Expression) -> np.ndarray:
    """How far a landmark goes, in frame pixels, seen on a picture of coordinates."""
    x, y = np.rint((geometry.points[landmark, :2] + 0.5) * FRAME_PX / WORK_PX - 0.5).astype(int)
    columns, rows = np.meshgrid(np.arange(WORK_PX), np.arange(WORK_PX))
    places = np.stack([columns, rows, 0 * rows], axis=-1).astype(np.float32)
    still, moved = (head.render(places, e)[y, x, :2] for e in (Expression(), expression))
    return (still - moved) * FRAME_PX / WORK_PX


def test_still_head_is_the_plain_picture(head: HeadMotion, portrait: Portrait) -> None:
    plain = cv2.resize(portrait.image, (FRAME_PX, FRAME_PX), interpolation=cv2.INTER_LINEAR)

    assert np.abs(head.render(portrait.image, Expression()).astype(int) - plain).max() <= 1


def test_nothing_moves_at_the_edge_of_the_frame(head: HeadMotion, portrait: Portrait) -> None:
    still = head.render(portrait.image, Expression())
    moved = head.render(portrait.image, Expression(yaw=0.08, pitch=0.05, roll=0.05, shift_x=0.02, zoom=0.02))

    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        assert np.abs(moved[edge].astype(int) - still[edge]).max() <= 3
    assert np.abs(moved.astype(int) - still).max() > 30


def test_nose_moves_more_than_the_sides_when_the_head_turns(head: HeadMotion, geometry: FaceGeometry) -> None:
    nose, *sides = (
        shift_at(head, geometry, mark, Expression(yaw=0.05))[0] for mark in (NOSE_TIP, LEFT_SIDE, RIGHT_SIDE)
    )

    assert nose > 3
    assert nose > 1.5 * max(np.abs(sides))


@pytest.mark.parametrize(
    ("expression", "direction"),
    [
        (Expression(yaw=0.05), (1, 0)),
        (Expression(pitch=0.05), (0, 1)),
        (Expression(roll=0.03), (1, 0)),  # about the neck, clockwise
        (Expression(shift_x=0.02), (1, 0)),
        (Expression(shift_y=0.02), (0, 1)),
    ],
    ids=["yaw", "pitch", "roll", "shift_x", "shift_y"],
)
def test_positive_motion_goes_right_and_down(
    head: HeadMotion, geometry: FaceGeometry, expression: Expression, direction: tuple[int, int]
) -> None:
    shift = shift_at(head, geometry, NOSE_TIP, expression)

    assert shift @ direction > 1.5
    assert abs(shift @ direction[::-1]) < 0.5 * (shift @ direction)
