import cv2
import numpy as np
import pytest

from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.portrait import Portrait
from emo_hallo_ray.engines.preview.renderer import Renderer
from emo_hallo_ray.faces.landmarks import LEFT_EYE, LOWER_LIP_INSIDE, RIGHT_EYE, UPPER_LIP_INSIDE
from emo_hallo_ray.faces.mesh import FaceMesh, Points, region_of_points
from tests.unit.engines.preview.conftest import FRAME_PX, WORK_PX


def find_again(portrait: Portrait, frame: np.ndarray) -> Points:
    """The mesh of a frame, looked for where the portrait has its face."""
    region = region_of_points(portrait.points * np.float32(FRAME_PX / WORK_PX))
    return FaceMesh().measure_region(frame, region)[0]


def gap(points: Points, upper: list[int], lower: list[int]) -> float:
    return float(np.linalg.norm(points[upper, :2] - points[lower, :2], axis=1).mean())


def test_neutral_frame_is_the_portrait_itself(renderer: Renderer, portrait: Portrait) -> None:
    plain = cv2.resize(portrait.image, (FRAME_PX, FRAME_PX), interpolation=cv2.INTER_LINEAR)

    frame = renderer.render(Expression())

    assert frame.shape == (FRAME_PX, FRAME_PX, 3)
    assert frame.dtype == np.uint8
    assert np.abs(frame.astype(int) - plain).max() <= 1


def test_opening_found_in_the_frames_follows_the_jaw(renderer: Renderer, portrait: Portrait) -> None:
    jaws = np.array([0, 0.6, 0.2, 0.9, 0.4, 0.1, 0.75, 0.3])

    frames = [renderer.render(Expression(jaw=jaw, settle=1)) for jaw in jaws]

    openings = [gap(find_again(portrait, f), UPPER_LIP_INSIDE[3:8], LOWER_LIP_INSIDE[3:8]) for f in frames]
    assert np.corrcoef(jaws, openings)[0, 1] > 0.95


def test_lids_found_in_the_frames_follow_the_blink(renderer: Renderer, portrait: Portrait) -> None:
    blinks = np.array([0, 0.75, 1, 0.25, 0.5])

    found = [find_again(portrait, renderer.render(Expression(blink=blink))) for blink in blinks]

    lids = [
        sum(gap(points, eye.upper_lid[3:6], eye.lower_lid[3:6]) for eye in (LEFT_EYE, RIGHT_EYE)) for points in found
    ]
    assert np.corrcoef(blinks, lids)[0, 1] < -0.9


def test_pressed_lips_are_found_closed(renderer: Renderer, portrait: Portrait) -> None:
    pressed, spoken = (renderer.render(Expression(jaw=0.5, close=close, settle=1)) for close in (1, 0))

    closed, opened = (
        gap(find_again(portrait, f), UPPER_LIP_INSIDE[3:8], LOWER_LIP_INSIDE[3:8]) for f in (pressed, spoken)
    )
    assert closed < 0.3 * opened


def test_patch_of_the_face_leaves_no_edge_in_the_picture(renderer: Renderer, portrait: Portrait) -> None:
    moved = renderer.render(Expression(jaw=0.9, settle=1, brow=1, blink=1)).astype(int)
    still = renderer.render(Expression()).astype(int)

    changed = np.abs(moved - still).max(axis=2)
    assert changed[:60].max() <= 1
    assert changed[:, :60].max() <= 1
    assert changed[:, -60:].max() <= 1


def test_background_stands_still_whatever_the_face_does(portrait: Portrait, renderer: Renderer) -> None:
    still = renderer.render(Expression())
    faces = [
        Expression(jaw=1, settle=1),
        Expression(jaw=0.6, width=1, blink=1, brow=1, settle=1, yaw=0.06, roll=0.03),
        Expression(rounding=1, close=1, settle=1, yaw=-0.06, pitch=0.04, zoom=0.01),
    ]

    changed = np.any([np.any(renderer.render(face) != still, axis=2) for face in faces], axis=0)

    assert changed[renderer.reach].mean() > 0.6
    assert not changed[~renderer.reach].any()


@pytest.mark.parametrize("turn_deg", [-25, 25])
def test_tilted_head_talks_too(portrait: Portrait, turn_deg: float) -> None:
    turn = cv2.getRotationMatrix2D((WORK_PX / 2, WORK_PX / 2), turn_deg, 1.0)
    image = cv2.warpAffine(portrait.image, turn, (WORK_PX, WORK_PX), borderMode=cv2.BORDER_REFLECT)
    points = portrait.points.copy()
    points[:, :2] = points[:, :2] @ turn[:, :2].T + turn[:, 2]
    tilted = Portrait(image, points.astype(np.float32), portrait.enlargement)

    renderer = Renderer(tilted)
    frames = [renderer.render(Expression(jaw=jaw, settle=1)) for jaw in (0.05, 0.8)]

    closed, opened = (gap(find_again(tilted, f), UPPER_LIP_INSIDE[3:8], LOWER_LIP_INSIDE[3:8]) for f in frames)
    assert opened > 3 * closed


@pytest.mark.parametrize("corner", [(0, 0), (330, 300)], ids=["top left", "bottom right"])
def test_face_at_the_edge_of_its_picture_can_be_drawn(portrait: Portrait, corner: tuple[int, int]) -> None:
    offset = np.array([corner[0] - 200, corner[1] - 150])
    shift = np.array([[1.0, 0.0, offset[0]], [0.0, 1.0, offset[1]]])
    image = cv2.warpAffine(portrait.image, shift, (WORK_PX, WORK_PX), borderMode=cv2.BORDER_REPLICATE)
    points = portrait.points + np.array([*offset, 0], np.float32)

    frame = Renderer(Portrait(image, points, portrait.enlargement)).render(
        Expression(jaw=0.8, settle=1, blink=1, yaw=0.05)
    )

    assert frame.shape == (FRAME_PX, FRAME_PX, 3)
