"""Directs the face: mouth curves, liveliness and the caller's weights become one expression per frame."""

import numpy as np

from emo_hallo_ray.engines.base import FPS
from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.face.geometry import Floats
from emo_hallo_ray.engines.preview.liveliness.motion import liveliness
from emo_hallo_ray.engines.preview.speech.visemes import MOUTH_CURVES
from emo_hallo_ray.tasks.model import TaskParams

MOUTH_EASE_S = 0.16  # the mouth is quick to start
POSE_EASE_S = 0.5
MAX_JAW = 1.1
# per unit of emphasis, which reaches 0.3
NOD = 0.10  # radians of pitch
SQUINT = 2.0
BROW_LIFT = 6.0  # and once more per unit: only what stands out raises the brows
USUAL_EMPHASIS = 0.05
# of the gaze per radian of the head: an eyeball's radius is .4 of the eye's width, and so it stays on the viewer
GAZE_PER_YAW, GAZE_PER_PITCH = 4.0, 9.0


def express(mouth_row: Floats, params: TaskParams, frame: int, n_frames_total: int) -> Expression:
    """The expression of a frame. The video starts with the portrait as it is, and settles back to it."""
    mouth = dict(zip(MOUTH_CURVES, mouth_row.tolist(), strict=True))
    alive = liveliness(params.seed, frame)
    talking = _ease(frame, n_frames_total, MOUTH_EASE_S)
    lips = talking * params.lip_weight
    posing = _ease(frame, n_frames_total, POSE_EASE_S)
    face, pose = posing * params.face_weight, posing * params.pose_weight
    emphasis = mouth["emphasis"]
    yaw = alive.yaw * pose
    pitch = (alive.pitch + NOD * alive.vivacity * (emphasis - USUAL_EMPHASIS)) * pose
    brows = (alive.brow + BROW_LIFT * alive.vivacity * emphasis**2) * np.sqrt(face * pose)  # they belong to both
    brow = float(np.clip(brows, -0.3, 0.8))
    return Expression(
        jaw=min(MAX_JAW, mouth["jaw"] * lips),
        width=float(np.clip(mouth["width"] * lips, -1, 1)),
        rounding=min(1.0, mouth["round"] * lips),
        close=min(1.0, mouth["close"] * lips),
        upper=min(1.0, mouth["upper"] * lips),
        tuck=min(1.0, mouth["tuck"] * lips),
        settle=min(1.0, lips),
        rest=min(1.0, mouth["rest"] * lips),
        blink=min(1.0, alive.blink * face),
        squint=min(1.0, SQUINT * emphasis * face),
        gaze_x=float(np.clip((alive.gaze_x - GAZE_PER_YAW * yaw) * face, -1, 1)),
        gaze_y=float(np.clip((alive.gaze_y - GAZE_PER_PITCH * pitch) * face, -1, 1)),
        brow=brow,
        brow_tilt=brow * alive.brow_asymmetry,
        yaw=yaw,
        pitch=pitch,
        roll=alive.roll * pose,
        shift_x=alive.shift_x * pose,
        shift_y=alive.shift_y * pose,
        zoom=alive.zoom * pose,
    )


def _ease(frame: int, n_frames_total: int, duration_s: float) -> float:
    """0 at the first and last frame, 1 in between."""
    from_end = min(frame, n_frames_total - 1 - frame)
    t = min(1.0, from_end / (duration_s * FPS))
    return t * t * (3 - 2 * t)
