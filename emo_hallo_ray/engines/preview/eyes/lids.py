"""Lids that close. The upper one slides down over the eye as a sheet of skin; nothing above its fold is moved."""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.eyes.lashes import Lashes
from emo_hallo_ray.engines.preview.eyes.rims import behind_rims, find_rims
from emo_hallo_ray.engines.preview.eyes.shape import EyeShape
from emo_hallo_ray.engines.preview.eyes.skin import LidSkin
from emo_hallo_ray.engines.preview.face.geometry import Floats, smoothstep

LOWER_LID_RISE = 0.13  # of the opening
OVERLAP = 0.06  # of the eye's height: how far the shut lid covers the lower one
FOLD = 0.7  # of the eye's height above the open lid's edge: where the sliding sheet comes out
APPEARING = 0.12  # the blink up to which the drawn lid takes over from the one in the picture
N_STEPS = 24  # of a blink; each is drawn when it is first needed
MIN_SOFT_PX, MAX_SOFT_PX = 1.0, 4.0


class Cover(NamedTuple):
    """What a lid does to the pixels under it: `pixels * keep + add`, (h, w, 3) each."""

    keep: Floats
    add: Floats


class Lids:
    """Both lids of one eye.

    Attributes:
        movable: (h, w) 0 where the rim of glasses is in front of the eye, 1 elsewhere.
    """

    def __init__(self, shape: EyeShape, picture: Image) -> None:
        rims = find_rims(shape, picture)
        skin = behind_rims(shape, picture, rims)
        self._shape = shape
        self.movable = 1 - rims
        self._rise = LOWER_LID_RISE * shape.opening
        self._overlap = OVERLAP * shape.height * np.clip(2 * shape.opening / shape.height, 0, 1)
        self._soft_px = _edge_width(picture[shape.box])
        self._skin = LidSkin(shape, skin, self._edge(1.0))
        self._lashes = Lashes(shape, skin, self._soft_px)
        self._cover = lru_cache(maxsize=N_STEPS)(self._draw_cover)

    def lower_lid_field(self) -> Floats:
        """Where pixels come from while the lower lid is risen in full: (2, h, w) along the eye and down it."""
        below = (self._shape.y - self._shape.lower) / self._shape.height
        near = smoothstep(-0.35, 0, below) * (1 - smoothstep(0, 1.1, below))
        down = near * self._shape.sides * self._rise
        return np.stack([np.zeros_like(down), down]).astype(np.float32)

    def paint(self, patch: Image, blink: float) -> None:
        """Draw the upper lid where it covers the eye."""
        step = round(blink * N_STEPS)
        if step == 0:
            return
        cover = self._cover(step)
        under = patch[self._shape.box].astype(np.float32)
        patch[self._shape.box] = cv2.add(cv2.multiply(under, cover.keep), cover.add, dtype=cv2.CV_8U)

    def _draw_cover(self, step: int) -> Cover:
        blink = step / N_STEPS
        appearing = min(1.0, blink / APPEARING) * self.movable[..., None]
        edge = self._edge(blink)
        alpha = self._lid_alpha(edge, blink)[..., None] * appearing
        light = 1 - (1 - self._lashes.light(edge, self._shape.lower - blink * self._rise, blink)) * appearing
        keep, add = (1 - alpha) * light, self._skin.slid(edge) * alpha * light
        return Cover(keep.astype(np.float32), add.astype(np.float32))

    def _edge(self, blink: float) -> Floats:
        """y of the upper lid's edge; it laps over the lower lid only in the end."""
        return self._shape.upper + blink * (self._shape.opening - self._rise) + blink**6 * self._overlap

    def _lid_alpha(self, edge: Floats, blink: float) -> Floats:
        """1 on the lid, 0 below its edge and above its fold, which smooths out as the eye shuts."""
        shape = self._shape
        above_edge = smoothstep(-0.5, 0.5, (edge - shape.y) / self._soft_px)
        opening = shape.opening / shape.height
        fold_px = FOLD * shape.height * np.sqrt(opening) + 1
        below_fold = smoothstep(-1, -0.1 - 0.3 * blink, (shape.y - shape.upper) / fold_px)
        alpha: Floats = above_edge * below_fold * smoothstep(0, 0.3, opening)
        return alpha


def _edge_width(pixels: Image) -> float:
    """How many pixels this picture takes from dark to light at its sharpest edges."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    steepest = cv2.magnitude(cv2.Sobel(grey, -1, 1, 0, scale=1 / 8), cv2.Sobel(grey, -1, 0, 1, scale=1 / 8))
    contrast = np.ptp(np.percentile(grey, [3, 97]))
    return float(np.clip(contrast / max(1.0, np.percentile(steepest, 99)), MIN_SOFT_PX, MAX_SOFT_PX))
