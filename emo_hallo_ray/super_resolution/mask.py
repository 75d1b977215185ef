"""How much of a restored crop to show, pixel by pixel."""

import cv2
import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.super_resolution.alignment import CROP_PX, TEMPLATE, Floats

CELL_PX = 4  # so soft a mask needs no finer grid
N_CELLS = CROP_PX // CELL_PX
GROWTH = 1.06  # of the hull, about its middle
FOREHEAD_GROWTH = 1.25  # of its height above the eyes: the mesh ends below the hairline
FEATHER_PX = 12.0  # standard deviation
BORDER_PX = 32  # at the crop's border the mask ends, however close the face is
FRACTION_BITS = 6  # of drawn points: whole cells would make the outline of a moving face hop

Mask = NDArray[np.float32]  # (128, 128) 0…1, a cell for 4 × 4 pixels of the crop


def face_mask(hull: Floats) -> Mask:
    """1 on the face, falling to 0 around it.

    Args:
        hull: (N, 2) the face's oval in crop pixels.
    """
    cells = (_grow(hull) + 0.5) / CELL_PX - 0.5
    outline = cv2.convexHull(np.rint(cells * 2**FRACTION_BITS).astype(np.int32))
    filled = np.zeros((N_CELLS, N_CELLS), np.uint8)
    cv2.fillConvexPoly(filled, outline, 255, cv2.LINE_AA, FRACTION_BITS)
    sigma = FEATHER_PX / CELL_PX
    mask: Mask = cv2.GaussianBlur(filled.astype(np.float32) / 255, (0, 0), sigma) * WINDOW
    return mask


def _grow(hull: Floats) -> Floats:
    middle = (hull.min(axis=0) + hull.max(axis=0)) / 2
    grown: Floats = middle + (hull - middle) * GROWTH
    eye_line = TEMPLATE[:2, 1].mean()
    above = grown[:, 1] < eye_line
    grown[above, 1] = eye_line + (grown[above, 1] - eye_line) * FOREHEAD_GROWTH
    return grown


def _window() -> Mask:
    """0 at the crop's border, 1 from `BORDER_PX` on, without a kink."""
    place = (np.arange(N_CELLS) + 0.5) * CELL_PX
    share = np.clip((np.minimum(place, CROP_PX - place) - CELL_PX) / BORDER_PX, 0, 1)
    ramp = share**2 * (3 - 2 * share)
    return np.outer(ramp, ramp).astype(np.float32)


WINDOW = _window()
