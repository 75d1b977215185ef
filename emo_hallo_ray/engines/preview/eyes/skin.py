"""The skin of a closed upper lid, which an open eye hides: colours from around the eye, grain from below it."""

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.eyes.shape import EyeShape
from emo_hallo_ray.engines.preview.face.geometry import Floats, smoothstep

N_COLUMNS, N_DEPTHS = 48, 16  # samples of the skin along the eye, and away from it
FROM_BELOW = 0.5  # of the lid's colour, the rest is from above: a closed lid comes forward, out of the brow's shade
DARKER_THAN_BELOW = 0.65  # at most so; darker still is hair, or the rim of glasses
SURROUNDINGS = 0.10  # of the eye's width: the blur in which eye, lashes and skin become one tone
RIM = 0.9  # how far the lid takes on that tone at its corners and its fold
GRAIN_START, GRAIN_HEIGHT = 0.40, 0.90  # below the lower lid, in heights of the eye; further is read backwards
GRAIN_SIGMA = 0.05  # of the eye's width: what varies over more is light, not grain
MAX_GRAIN = 0.08  # stronger is no grain, but a wrinkle, a lash or a rim
LID_LIGHT, BULGE = 0.96, 0.07  # brightness of a lid against the skin around, and more where it stands out most


class LidSkin:
    """What covers the eye when it is closed."""

    def __init__(self, shape: EyeShape, picture: Image, closed: Floats) -> None:
        """`closed`: (h, w) y of the shut lid's edge at each pixel's x."""
        self._shape, self._closed = shape, closed
        depth = np.clip((shape.y - shape.upper) / np.maximum(closed - shape.upper, 1), -0.5, 1)  # 1 at the edge
        colours = _colours(shape, picture, depth)
        surroundings = cv2.GaussianBlur(picture[shape.box].astype(np.float32), (0, 0), SURROUNDINGS * shape.width)
        colours += (surroundings - colours) * _rim(shape, depth)
        self._skin = colours * self._grain(picture) * _bulge(shape, depth)

    def slid(self, margin: Floats) -> Floats:
        """The lid with its edge at `margin` instead: (h, w, 3) of the shape's box, [0, 255]."""
        rows, columns = np.indices(margin.shape, dtype=np.float32)
        hidden = self._closed - margin
        skin: Floats = cv2.remap(
            self._skin,
            columns + hidden * np.float32(self._shape.down[0]),
            rows + hidden * np.float32(self._shape.down[1]),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return skin

    def _grain(self, picture: Image) -> Floats:
        """Brightness and colour of the skin below the eye, relative to its neighbourhood, turned upside down."""
        shape = self._shape
        above_edge = np.maximum(self._closed - shape.y, 0) / shape.height
        mirrored = GRAIN_HEIGHT - np.abs(np.mod(above_edge, 2 * GRAIN_HEIGHT) - GRAIN_HEIGHT)
        skin = shape.read(picture, shape.x, shape.lower + (GRAIN_START + mirrored) * shape.height)
        light = cv2.GaussianBlur(skin, (0, 0), GRAIN_SIGMA * shape.width)
        grain: Floats = 1 + np.clip(skin / np.maximum(light, 8) - 1, -MAX_GRAIN, MAX_GRAIN)
        return grain


def _colours(shape: EyeShape, picture: Image, depth: Floats) -> Floats:
    """Skin from between brow and eye, and lower down more and more from below the eye."""
    x = np.linspace(-0.46, 0.46, N_COLUMNS) * shape.width
    upper, lower, brow = shape.lines(x)
    shares = np.linspace(0, 1, N_DEPTHS)[:, None]
    top = np.maximum(brow + 0.2 * (upper - brow), upper - 0.9 * shape.height)
    bottom = upper - 0.25 * shape.height  # above the lashes
    above = _typical(shape.read(picture, x, top + shares * (bottom - top)))
    below = _typical(shape.read(picture, x, lower + (0.3 + 0.6 * shares) * shape.height))
    above = np.maximum(above, DARKER_THAN_BELOW * below)
    share = (FROM_BELOW * smoothstep(-0.3, 0.7, depth))[..., None]
    colours = [np.stack([np.interp(shape.x, x, c) for c in skin.T], axis=-1) for skin in (above, below)]
    mixed: Floats = (colours[0] * (1 - share) + colours[1] * share).astype(np.float32)
    return mixed


def _typical(skin: Floats) -> Floats:
    """The mean of medium-bright skin in each column, without hair and glare: (depths, columns, 3) to (columns, 3)."""
    order = np.argsort(skin.sum(axis=2), axis=0)[round(0.3 * len(skin)) : round(0.8 * len(skin))]
    kept = np.take_along_axis(skin, order[..., None], axis=0).mean(axis=0)
    smooth: Floats = gaussian_filter1d(kept, 0.09 * len(kept), axis=0, mode="nearest")
    return smooth


def _rim(shape: EyeShape, depth: Floats) -> Floats:
    """How far the lid's tone is that of its surroundings: most at the corners, some at the fold, (h, w, 1)."""
    corners = smoothstep(0.3, 1.0, np.abs(2 * shape.x / shape.width))
    fold = 0.3 - 0.3 * smoothstep(-0.4, 0.4, depth)
    rim: Floats = RIM * np.maximum(corners, fold)
    return rim[..., None].astype(np.float32)


def _bulge(shape: EyeShape, depth: Floats) -> Floats:
    """Lightest where the eyeball stands out, darker towards corners and edge."""
    round_down = 1 - ((depth - 0.35) / 0.65) ** 2
    round_across = 1 - (2 * shape.x / shape.width) ** 2
    light: Floats = LID_LIGHT + BULGE * (np.clip(round_down, -1, 1) + np.clip(round_across, -1, 1) - 1)
    return light[..., None].astype(np.float32)
