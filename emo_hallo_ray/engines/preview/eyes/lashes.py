"""What is dark about an upper lid's edge: the lashes, and the shade they throw on the eye."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.eyes.shape import EyeShape
from emo_hallo_ray.engines.preview.face.geometry import Floats, smoothstep

N_COLUMNS = 64  # samples along the eye
# how much darker than the skin below the eye; the least is what tells a shut eye from a smooth one in a pale picture
MIN_DARKNESS, MAX_DARKNESS = 0.40, 0.85
MIN_LENGTH = 0.045  # of the eye's height, as all lengths here
ROOTS, ROOTS_WIDTH = 1.00, 0.05  # strength and half width of the line in which lashes begin
TIPS = 0.80
SHADE, SHADE_LENGTH = 0.22, 0.18


class Lashes:
    """Lashes of an upper lid, as dark and as long as the picture shows them on the open one."""

    def __init__(self, shape: EyeShape, picture: Image, soft_px: float) -> None:
        """`soft_px`: over which edges in this picture go from dark to light."""
        self._shape = shape
        self._softness = soft_px / shape.height
        self._darkness, self._length = _measure(shape, picture)
        self._corners = 1 - smoothstep(0.75, 1.02, np.abs(2 * shape.x / shape.width))

    def light(self, edge: Floats, lower: Floats, blink: float) -> Floats:
        """What is left of the light with the lid's edge at `edge` and the lower lid's at `lower`: (h, w, 3), 0..1."""
        below = (self._shape.y - edge) / self._shape.height
        roots = ROOTS * np.exp(-((below / max(ROOTS_WIDTH, 0.45 * self._softness)) ** 2))
        seen = self._length * (0.25 + 0.3 * blink)  # lashes of an open eye point at the viewer, of a shut one down
        tips = TIPS * np.exp(-((below / seen) ** 2)) * (below > 0)
        lashes = (np.maximum(roots, tips) * self._corners)[..., None] * self._darkness
        on_eye = smoothstep(-0.5, 0.5, below / self._softness)
        on_eye = on_eye * smoothstep(-0.05, 0.05, (lower - self._shape.y) / self._shape.height)
        shade = SHADE * np.exp(-np.maximum(below, 0) / SHADE_LENGTH) * on_eye * self._shape.sides
        light: Floats = (1 - lashes) * (1 - shade)[..., None]
        return light


def _measure(shape: EyeShape, picture: Image) -> tuple[Floats, Floats]:
    """Darkness, (h, w, 3), and length, (h, w), of the open eye's lashes at each pixel's x."""
    x = np.linspace(-0.5, 0.5, N_COLUMNS) * shape.width
    upper, lower = shape.lines(x)[:2]
    below_eye = lower + np.linspace(0.3, 0.7, 9)[:, None] * shape.height
    skin = np.median(shape.read(picture, x, below_eye), axis=(0, 1))
    above = np.linspace(-0.35, 0.10, 19)[:, None]
    dark = np.clip(1 - shape.read(picture, x, upper + above * shape.height) / np.maximum(skin, 1), 0, 1)
    darkness = np.clip(np.quantile(dark, 0.85, axis=0), MIN_DARKNESS, MAX_DARKNESS)
    is_lash = dark.mean(axis=2) > 0.6 * darkness.mean(axis=1)
    length = np.maximum(is_lash.mean(axis=0) * np.ptp(above), MIN_LENGTH)
    smooth = gaussian_filter1d(np.column_stack([darkness, length]), 0.06 * N_COLUMNS, axis=0, mode="nearest")
    lashes = np.stack([np.interp(shape.x, x, values) for values in smooth.T], axis=-1).astype(np.float32)
    return lashes[..., :3], lashes[..., 3]
