from dataclasses import replace

import numpy as np
import pytest

from emo_hallo_ray.engines.preview.direction import MAX_JAW, express
from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.speech.visemes import MOUTH_CURVES
from emo_hallo_ray.tasks.model import TaskParams

PARAMS = TaskParams()
POSE = ("yaw", "pitch", "roll", "shift_x", "shift_y", "zoom")
FACE = ("blink", "squint", "gaze_x", "gaze_y", "brow", "brow_tilt")
ANSWERS = {"gaze_x", "gaze_y", "brow", "brow_tilt"}  # of the face to the head


def directed(mouth: np.ndarray, params: TaskParams) -> list[Expression]:
    return [express(row, params, frame, len(mouth)) for frame, row in enumerate(mouth)]


def test_video_starts_and_ends_with_the_portrait_as_it_is(mouth: np.ndarray) -> None:
    expressions = directed(mouth, PARAMS)

    assert expressions[0] == Expression()
    assert expressions[-1] == Expression()


def test_head_does_not_jump_from_frame_to_frame(mouth: np.ndarray) -> None:
    poses = np.array([[getattr(e, name) for name in POSE] for e in directed(mouth, PARAMS)])

    assert np.abs(np.diff(poses, axis=0)).max() < 0.02


@pytest.mark.parametrize(
    ("weight", "names"), [("pose_weight", POSE), ("face_weight", FACE), ("lip_weight", ("jaw", "rounding", "settle"))]
)
def test_weight_of_zero_stills_its_part_and_no_other(mouth: np.ndarray, weight: str, names: tuple[str, ...]) -> None:
    usual, stilled = directed(mouth, PARAMS), directed(mouth, replace(PARAMS, **{weight: 0.0}))
    others = {*POSE, *FACE, "jaw"} - set(names) - (ANSWERS if weight == "pose_weight" else set())

    assert all(getattr(e, name) == 0 for e in stilled for name in names)
    assert all(getattr(a, name) == getattr(b, name) for a, b in zip(usual, stilled, strict=True) for name in others)


def test_eyes_stay_on_the_viewer_while_the_head_turns(mouth: np.ndarray) -> None:
    usual, still = directed(mouth, PARAMS), directed(mouth, replace(PARAMS, pose_weight=0.0))

    yaw, pitch = (np.array([getattr(e, name) for e in usual]) for name in ("yaw", "pitch"))
    turned_x, turned_y = (
        np.array([getattr(a, name) - getattr(b, name) for a, b in zip(usual, still, strict=True)])
        for name in ("gaze_x", "gaze_y")
    )
    assert np.corrcoef(yaw, turned_x)[0, 1] < -0.9
    assert np.corrcoef(pitch, turned_y)[0, 1] < -0.9


def test_brows_stay_still_without_the_face_or_without_the_head(mouth: np.ndarray) -> None:
    for weight in ("face_weight", "pose_weight"):
        assert {e.brow for e in directed(mouth, replace(PARAMS, **{weight: 0.0}))} == {0.0}


def test_emphasis_raises_brows_and_lower_lids_and_makes_the_head_nod(mouth: np.ndarray) -> None:
    row = mouth[100].copy()
    row[MOUTH_CURVES.index("emphasis")] = 0
    calm = express(row, PARAMS, 100, len(mouth))
    row[MOUTH_CURVES.index("emphasis")] = 0.25
    stressed = express(row, PARAMS, 100, len(mouth))

    assert stressed.brow - calm.brow > 0.1
    assert stressed.squint > 0.3 > calm.squint
    assert 0.005 < stressed.pitch - calm.pitch < 0.05


def test_one_brow_goes_further(mouth: np.ndarray) -> None:
    lopsided = [e.brow_tilt / e.brow for e in directed(mouth, PARAMS) if e.brow]

    assert lopsided == pytest.approx([lopsided[0]] * len(lopsided))
    assert 0 < abs(lopsided[0]) <= 0.25


def test_double_weights_stay_within_what_a_face_can_do(mouth: np.ndarray) -> None:
    heavy = directed(mouth, replace(PARAMS, lip_weight=2.0, face_weight=2.0, pose_weight=2.0))

    for expression in heavy:
        assert 0 <= expression.jaw <= MAX_JAW
        assert 0 <= expression.blink <= 1
        assert 0 <= expression.squint <= 1
        assert max(abs(expression.gaze_x), abs(expression.gaze_y), abs(expression.brow)) <= 1
        assert max(expression.close, expression.rounding, expression.settle, abs(expression.width)) <= 1


def test_stretch_of_a_video_is_directed_as_the_whole(mouth: np.ndarray) -> None:
    whole = directed(mouth, PARAMS)

    assert express(mouth[100], PARAMS, 100, len(mouth)) == whole[100]


def test_shortest_video_is_the_portrait(mouth: np.ndarray) -> None:
    assert express(mouth[50], PARAMS, 0, 1) == Expression()
