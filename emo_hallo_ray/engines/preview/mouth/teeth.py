"""Teeth: painted ones, and the portrait's own where the picture shows them. Lengths are in half mouth widths."""

import cv2
import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.face.geometry import Floats, smoothstep
from emo_hallo_ray.engines.preview.mouth.canvas import Layer, MouthCanvas

# from the middle outwards: incisors, canine, premolars, first molar
UPPER_WIDTHS = (0.175, 0.150, 0.155, 0.130, 0.120, 0.100)
LATERAL_INCISOR = 1  # a little shorter than its neighbours
UPPER_EDGE = 0.115  # below the lip line in the middle; the row rises to the sides
UPPER_RISE = 0.085
LOWER_WIDTH = 0.115
LOWER_EDGE = 0.07  # above the lip line


def upper_teeth(canvas: MouthCanvas, enamel: Floats) -> Layer:
    """A row that stays with the skull."""
    across = _across(canvas)
    tooth, within, width = _which_tooth(np.abs(across))
    scallop = 0.022 * np.abs(2 * within - 1) ** 3 + 0.018 * (tooth == LATERAL_INCISOR)
    lip_line = canvas.lip_line / canvas.unit
    edge = lip_line + UPPER_EDGE - UPPER_RISE * across**2 - scallop
    v = canvas.v[:, None] / canvas.unit
    alpha = smoothstep(0.02, -0.02, v - edge) * smoothstep(-0.42, -0.30, v - lip_line)
    alpha = alpha * smoothstep(0.84, 0.62, np.abs(across))
    gaps = _gaps(within, width * canvas.unit, max(1.0, 0.018 * canvas.unit))
    shade = (1 - 0.30 * gaps) * (1 - 0.72 * np.clip(np.abs(across) / 0.78, 0, 1) ** 2.4)
    translucent = 1 - 0.12 * smoothstep(0.10, 0.0, edge - v)
    return _layer(enamel, shade * translucent, alpha)


def lower_teeth(canvas: MouthCanvas, enamel: Floats) -> Layer:
    """A row that goes down with the jaw, as it stands when the mouth is closed."""
    across = _across(canvas)
    within = np.mod(across / LOWER_WIDTH + 0.5, 1)
    edge = canvas.jaw_line / canvas.unit - LOWER_EDGE + 0.06 * across**2
    v = canvas.v[:, None] / canvas.unit
    alpha = smoothstep(-0.02, 0.02, v - edge) * smoothstep(0.6, 0.48, np.abs(across))
    gaps = _gaps(within, LOWER_WIDTH * canvas.unit, max(1.0, 0.016 * canvas.unit))
    shade = 0.72 * (1 - 0.3 * gaps) * (1 - 0.5 * np.clip(np.abs(across) / 0.55, 0, 1) ** 2)
    return _layer(enamel, shade + 0 * v, alpha)


def own_teeth(canvas: MouthCanvas, patch: Image) -> Layer:
    """What the picture shows between the lips, continued a little under them."""
    width = 2 * canvas.unit
    picture = canvas.take(patch)
    upper, lower = canvas.lips_at_rest
    between = (canvas.v[:, None] > upper) & (canvas.v[:, None] < lower)
    between &= (canvas.u > -canvas.half_widths[0]) & (canvas.u < canvas.half_widths[1])
    sure = cv2.erode(between.astype(np.uint8), _square(0.02 * width))
    around = cv2.dilate(sure, _square(0.16 * width))
    continued = cv2.inpaint(picture, around - sure, 3, cv2.INPAINT_TELEA).astype(np.float32)
    # upwards more of the teeth hides under the lip; downwards they end, and what is continued there is lip
    grown = cv2.dilate(sure, _square(0.05 * width))
    grown[canvas.v[:, None] > lower - 0.01 * width] = 0
    alpha = cv2.GaussianBlur(grown.astype(np.float32), (0, 0), 0.012 * width)
    return Layer(continued, alpha[..., None])


def _across(canvas: MouthCanvas) -> Floats:
    """(W,) -1 at the left corner, 1 at the right one, whatever the perspective."""
    left, right = canvas.half_widths
    return np.where(canvas.u < 0, canvas.u / left, canvas.u / right).astype(np.float32)


def _which_tooth(distance: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Number of the tooth at a distance from the middle, the place within it (0..1), and its width."""
    borders = np.concatenate([[0.0], np.cumsum(UPPER_WIDTHS)])
    tooth: NDArray[np.intp] = np.clip(np.searchsorted(borders, distance, side="right") - 1, 0, len(UPPER_WIDTHS) - 1)
    width = np.array(UPPER_WIDTHS)[tooth]
    return tooth, np.clip((distance - borders[tooth]) / width, 0, 1), width


def _gaps(within: Floats, width_px: Floats | float, gap_px: float) -> Floats:
    """1 between two teeth, 0 on them."""
    return np.clip(1 - np.minimum(within, 1 - within) * width_px / gap_px, 0, 1) ** 1.5


def _layer(colour: Floats, shade: Floats, alpha: Floats) -> Layer:
    painted = colour * shade[..., None]
    return Layer(painted.astype(np.float32), alpha[..., None].astype(np.float32))


def _square(side: float) -> NDArray[np.uint8]:
    return np.ones((max(1, int(side) | 1),) * 2, np.uint8)
