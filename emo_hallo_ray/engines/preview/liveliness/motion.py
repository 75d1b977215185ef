"""Blinks, glances and small motions of the head: functions of the seed and the frame's number alone.

So any frame can be made without those before it, and a resumed task gives the same video.
"""

from dataclasses import dataclass

import numpy as np

from emo_hallo_ray.engines.base import FPS
from emo_hallo_ray.engines.preview.liveliness.blinks import lid_closure
from emo_hallo_ray.engines.preview.liveliness.chance import Stream, draw
from emo_hallo_ray.engines.preview.liveliness.glances import gaze
from emo_hallo_ray.engines.preview.liveliness.sway import POSTURE_AXES, posture, wave

# standard deviations of the head's motion, along the axes of posture: radians, then face heights; heads of people who
# talk turn by about 1.5 to 3 degrees, nod by 1 to 2 and tilt by 1
HEAD_MOTION = np.array([0.030, 0.020, 0.016, 0.004, 0.003, 0.006])
WAVE_SHARE, POSTURE_SHARE = 0.7, 0.7
BROW_MOTION = 0.10
MAX_BROW_ASYMMETRY = 0.25


@dataclass(frozen=True)
class Liveliness:
    """What a face does while it talks, besides talking; units as in `Expression`.

    Attributes:
        brow_asymmetry: how much further the brow on the image's right goes than their mean, as a share.
        vivacity: how readily head and brows answer to emphasis just now, 0..1.6, on average about 1.
    """

    blink: float
    gaze_x: float
    gaze_y: float
    brow: float
    brow_asymmetry: float
    yaw: float
    pitch: float
    roll: float
    shift_x: float
    shift_y: float
    zoom: float
    vivacity: float


def liveliness(seed: int, frame: int) -> Liveliness:
    """Motion at one frame of the video that this seed makes."""
    time_s = frame / FPS
    gaze_x, gaze_y = gaze(seed, time_s)
    waves = np.array([wave(seed, axis, time_s) for axis in POSTURE_AXES])
    head = HEAD_MOTION * (WAVE_SHARE * waves + POSTURE_SHARE * posture(seed, time_s))
    yaw, pitch, roll, shift_x, shift_y, zoom = head.tolist()
    return Liveliness(
        blink=lid_closure(seed, time_s),
        gaze_x=gaze_x,
        gaze_y=gaze_y,
        brow=BROW_MOTION * wave(seed, Stream.BROW, time_s),
        brow_asymmetry=draw(seed, Stream.BROW_ASYMMETRY).uniform(-MAX_BROW_ASYMMETRY, MAX_BROW_ASYMMETRY),
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        shift_x=shift_x,
        shift_y=shift_y,
        zoom=zoom,
        vivacity=float(np.clip(1 + 0.5 * wave(seed, Stream.VIVACITY, time_s), 0, 1.6)),
    )
