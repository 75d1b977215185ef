import cv2
import numpy as np
import pytest

from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.head.motion import HeadMotion
from emo_hallo_ray.engines.preview.portrait import Portrait
from emo_hallo_ray.faces.landmarks import LEFT_SIDE, RIGHT_SIDE
from tests.unit.engines.preview.conftest import FRAME_PX, WORK_PX

NOSE_TIP = 1
PATCH = np.s_[150:700, 200:560]
SCALE = WORK_PX / FRAME_PX
# beyond anything that `direction.py` asks for at the highest pose weight
FAR = Expression(yaw=0.14, pitch=0.08, roll=0.07, shift_x=0.02, shift_y=-0.02, zoom=0.03)
FAR_BACK = Expression(yaw=-0.14, pitch=-0.08, roll=-0.07, shift_x=-0.02, shift_y=0.02, zoom=-0.03)
BOTH_WAYS = pytest.mark.parametrize("expression", [FAR, FAR_BACK], ids=["one way", "the other way"])


@pytest.fixture(scope="module")
def head(geometry: FaceGeometry, portrait: Portrait) -> HeadMotion:
    return HeadMotion(geometry, portrait.image, PATCH, FRAME_PX)


@pytest.fixture(scope="module")
def measuring_head(geometry: FaceGeometry, portrait: Portrait) -> HeadMotion:
    """One that draws fractions."""
    return HeadMotion(geometry, portrait.image.astype(np.float32), PATCH, FRAME_PX)


def origins(measuring_head: HeadMotion, expression: Expression) -> np.ndarray:
    """Where pixels come from, in frame pixels, (frame_px, frame_px, 2); they tell inside the head's reach only."""
    columns, rows = np.meshgrid(np.arange(WORK_PX), np.arange(WORK_PX))
    places = np.stack([columns, rows, 0 * rows], axis=-1).astype(np.float32)
    return (measuring_head.render(places, expression)[..., :2] + 0.5) / SCALE - 0.5


def shift_at(measuring_head: HeadMotion, geometry: FaceGeometry, landmark: int, expression: Expression) -> np.ndarray:
    """How far the picture moves at a landmark, in frame pixels."""
    x, y = np.rint(geometry.resampled(1 / SCALE).points[landmark, :2]).astype(int)
    return np.array([x, y]) - origins(measuring_head, expression)[y, x]


def test_still_head_is_the_plain_picture(head: HeadMotion, portrait: Portrait) -> None:
    plain = cv2.resize(portrait.image, (FRAME_PX, FRAME_PX), interpolation=cv2.INTER_LINEAR)

    assert np.abs(head.render(portrait.image, Expression()).astype(int) - plain).max() <= 1


def test_all_of_a_repainted_patch_is_shown(geometry: FaceGeometry, portrait: Portrait) -> None:
    patch = np.s_[0:700, 31:768]
    head = HeadMotion(geometry, portrait.image, patch, FRAME_PX)
    repainted = portrait.image.copy()
    repainted[patch] = 255 - repainted[patch]
    plain = cv2.resize(repainted, (FRAME_PX, FRAME_PX), interpolation=cv2.INTER_LINEAR)

    assert np.abs(head.render(repainted, Expression()).astype(int) - plain).max() <= 1


@BOTH_WAYS
def test_nothing_changes_out_of_reach(head: HeadMotion, portrait: Portrait, expression: Expression) -> None:
    changed = (head.render(portrait.image, expression) != head.render(portrait.image, Expression())).any(axis=2)

    assert not changed[head.share == 0].any()
    assert changed[head.share > 0].mean() > 0.7
    assert 0.2 < (head.share > 0).mean() < 0.6


@BOTH_WAYS
def test_nothing_folds(measuring_head: HeadMotion, expression: Expression) -> None:
    x, y = np.moveaxis(origins(measuring_head, expression), -1, 0)

    area = np.diff(x, axis=1)[:-1] * np.diff(y, axis=0)[:, :-1] - np.diff(x, axis=0)[:, :-1] * np.diff(y, axis=1)[:-1]

    inside = cv2.erode((measuring_head.share > 0).astype(np.uint8), np.ones((3, 3), np.uint8))[:-1, :-1] > 0
    assert area[inside].min() > 0.2
    assert area[inside].max() < 1.8


def test_usual_motions_are_not_held_back(measuring_head: HeadMotion, geometry: FaceGeometry) -> None:
    little, more = (
        shift_at(measuring_head, geometry, NOSE_TIP, Expression(yaw=amount, roll=0.2 * amount))[0]
        for amount in (0.015, 0.03)
    )

    assert more == pytest.approx(2 * little, rel=0.1)


def test_nose_moves_more_than_the_sides_when_the_head_turns(measuring_head: HeadMotion, geometry: FaceGeometry) -> None:
    nose, *sides = (
        shift_at(measuring_head, geometry, mark, Expression(yaw=0.05))[0] for mark in (NOSE_TIP, LEFT_SIDE, RIGHT_SIDE)
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
    measuring_head: HeadMotion, geometry: FaceGeometry, expression: Expression, direction: tuple[int, int]
) -> None:
    shift = shift_at(measuring_head, geometry, NOSE_TIP, expression)

    assert shift @ direction > 1.5
    assert abs(shift @ direction[::-1]) < 0.5 * (shift @ direction)


def test_frames_may_be_larger(geometry: FaceGeometry, portrait: Portrait, head: HeadMotion) -> None:
    picture = cv2.resize(portrait.image, (2 * WORK_PX, 2 * WORK_PX), interpolation=cv2.INTER_CUBIC)
    patch = tuple(slice(2 * edges.start, 2 * edges.stop) for edges in PATCH)
    expression = Expression(yaw=0.05, roll=0.01)

    frame = HeadMotion(geometry.resampled(2), picture, patch, 2 * FRAME_PX).render(picture, expression)

    smaller = cv2.resize(frame, (FRAME_PX, FRAME_PX), interpolation=cv2.INTER_AREA)
    assert np.abs(smaller.astype(int) - head.render(portrait.image, expression)).mean() < 3
