from dataclasses import replace

import numpy as np
import pytest

from emo_hallo_ray.engines.preview.direction import MAX_JAW, express
from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.tasks.model import TaskParams

PARAMS = TaskParams()
POSE = ("yaw", "pitch", "roll", "shift_x", "shift_y", "zoom")
FACE = ("blink", "gaze_x", "gaze_y", "brow")


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
    others = {*POSE, *FACE, "jaw"} - set(names)

    assert all(getattr(e, name) == 0 for e in stilled for name in names)
    assert all(getattr(a, name) == getattr(b, name) for a, b in zip(usual, stilled, strict=True) for name in others)


def test_double_weights_stay_within_what_a_face_can_do(mouth: np.ndarray) -> None:
    heavy = directed(mouth, replace(PARAMS, lip_weight=2.0, face_weight=2.0, pose_weight=2.0))

    for expression in heavy:
        assert 0 <= expression.jaw <= MAX_JAW
        assert 0 <= expression.blink <= 1
        assert max(expression.close, expression.rounding, expression.settle, abs(expression.width)) <= 1


def test_stretch_of_a_video_is_directed_as_the_whole(mouth: np.ndarray) -> None:
    whole = directed(mouth, PARAMS)

    assert express(mouth[100], PARAMS, 100, len(mouth)) == whole[100]


def test_shortest_video_is_the_portrait(mouth: np.ndarray) -> None:
    assert express(mouth[50], PARAMS, 0, 1) == Expression()
