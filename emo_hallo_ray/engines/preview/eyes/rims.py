"""The rims of glasses, which stay in front of whatever an eye does."""

import cv2
import numpy as np

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.eyes.shape import EyeShape
from emo_hallo_ray.engines.preview.face.geometry import Floats

DARK = 0.5  # of the skin's brightness
BEYOND = 0.58  # of the eye's width from its middle: rims go on where lids and lashes have ended
THICKEST = 0.16  # of the eye's width; darker places that are larger are hair or shade
EDGE = 0.10  # of the eye's height below the upper lid's edge: so far a rim can hide the lid
SOFT_PX = 1.0


def find_rims(shape: EyeShape, picture: Image) -> Floats:
    """Where something dark and narrow passes in front of the eye from side to side: (h, w), 0..1."""
    grey = cv2.cvtColor(picture[shape.box], cv2.COLOR_RGB2GRAY)
    below = (shape.y > shape.lower + 0.3 * shape.height) & (np.abs(shape.x) < 0.4 * shape.width)
    is_dark = grey < DARK * np.median(grey[below]) if below.any() else np.zeros_like(grey, bool)
    depth = (shape.y - shape.upper) / shape.height
    is_dark &= (depth < EDGE) | (shape.y > shape.lower)  # what is darkest between the lids is the iris
    side = max(3, round(THICKEST * shape.width))
    is_thick = cv2.morphologyEx(is_dark.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    n_parts, parts = cv2.connectedComponents((is_dark & (is_thick == 0)).astype(np.uint8))
    rims = np.zeros(grey.shape, np.float32)
    for part in range(1, n_parts):
        x = shape.x[parts == part]
        if x.min() < -BEYOND * shape.width and x.max() > BEYOND * shape.width:
            rims[parts == part] = 1
    soft: Floats = cv2.GaussianBlur(cv2.dilate(rims, np.ones((3, 3), np.uint8)), (0, 0), SOFT_PX)
    return soft


def behind_rims(shape: EyeShape, picture: Image, rims: Floats) -> Image:
    """The picture with what lies around the rims drawn over them."""
    clear = picture.copy()
    if rims.any():
        clear[shape.box] = cv2.inpaint(picture[shape.box], (rims > 0.1).astype(np.uint8), 3, cv2.INPAINT_TELEA)
    return clear
