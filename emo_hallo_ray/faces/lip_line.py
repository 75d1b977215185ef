"""Where closed lips meet: the mesh is off by a few pixels, but the picture has a dark line there."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from emo_hallo_ray.faces.detector import Image
from emo_hallo_ray.faces.landmarks import LOWER_LIP_INSIDE, UPPER_LIP_INSIDE
from emo_hallo_ray.faces.mesh import Points

# in mouth widths
CLOSED_GAP = 0.045  # between the lips, up to which they are closed
REACH = 0.04  # of the search, to either side of the mesh's line
BLUR = 0.008  # finer detail is lip texture
N_DEPTHS = 21
MIN_CONTRAST = 6.0  # grey levels by which the line is darker than the lips around it
SMOOTHING_POINTS = 1.0

Floats = NDArray[np.float32]


def snap_closed_lips(image: Image, points: Points) -> Points:
    """Points whose inner lips lie on the dark line between them; unchanged where the lips are apart or have no line."""
    upper, lower = points[UPPER_LIP_INSIDE, :2], points[LOWER_LIP_INSIDE, :2]
    along = upper[-1] - upper[0]
    width = float(np.linalg.norm(along))
    if np.linalg.norm(upper[5] - lower[5]) > CLOSED_GAP * width:
        return points
    down = np.array([-along[1], along[0]], np.float32) / width
    depths = np.linspace(-REACH, REACH, N_DEPTHS, dtype=np.float32) * width
    middle = (upper + lower) / 2
    light = _read(image, middle[:, None] + depths[:, None] * down, BLUR * width)  # (11, N_DEPTHS)
    darkest = light.argmin(axis=1)
    contrast = np.minimum(light[:, 0], light[:, -1]) - light.min(axis=1)
    offset = np.where(contrast > MIN_CONTRAST, depths[darkest], 0)
    moved = middle + gaussian_filter1d(offset, SMOOTHING_POINTS, mode="nearest")[:, None] * down
    snapped = points.copy()
    snapped[UPPER_LIP_INSIDE, :2] = snapped[LOWER_LIP_INSIDE, :2] = moved
    return snapped


def _read(image: Image, places: NDArray[np.floating], blur_px: float) -> Floats:
    """Brightness at places (..., 2), after a blur."""
    low = np.floor(places.min(axis=(0, 1))).astype(int) - 4
    high = np.ceil(places.max(axis=(0, 1))).astype(int) + 5
    left, top = np.maximum(low, 0)
    grey = cv2.cvtColor(image[top : high[1], left : high[0]], cv2.COLOR_RGB2GRAY).astype(np.float32)
    smooth = cv2.GaussianBlur(grey, (0, 0), max(0.3, blur_px))
    x, y = (places - np.array([left, top], np.float32)).astype(np.float32).transpose(2, 0, 1)
    light: Floats = cv2.remap(smooth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return light
