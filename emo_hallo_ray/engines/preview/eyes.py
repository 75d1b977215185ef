"""Lids that close and eyes that look around, painted into the patch.

A lid is stretched from under the brow; the band of lashes at its edge travels as it is. All is in the eye's own axes:
`across` from corner to corner, `down` towards the lower lid.
"""

import cv2
import numpy as np

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.geometry import FaceGeometry, Floats, smoothstep
from emo_hallo_ray.engines.preview.tones import sample_colour, skin_colour
from emo_hallo_ray.engines.preview.warp import PixelMap
from emo_hallo_ray.faces.landmarks import EyePoints

GAZE_ACROSS, GAZE_DOWN = 0.10, 0.05  # of the eye's width, at gaze 1
LOWER_LID_RISE = 0.07  # of the eye's opening, at blink 1
LID_TINT = (0.94, 0.91, 0.90)  # a lid is a little darker and redder than the cheek
LASHES, LASHES_SQUASH = 0.34, 0.45  # their band above the lid's edge, of the eye's opening; how much flatter it gets
MIN_BLINK = 0.01


class Eye:
    """One eye in a patch of the portrait."""

    def __init__(self, geometry: FaceGeometry, eye: EyePoints, patch: Image, is_grey: bool) -> None:
        corners = geometry.points[[eye.upper_lid[0], eye.upper_lid[-1]], :2]
        self._width = float(np.linalg.norm(corners[1] - corners[0]))
        self._across = (corners[1] - corners[0]) / self._width
        self._down = np.array([-self._across[1], self._across[0]])
        self._centre = corners.mean(axis=0)

        upper, lower, brow = (
            self._to_eye(geometry.points[ids, :2]) for ids in (eye.upper_lid, eye.lower_lid, eye.brow)
        )
        self._height = max(2.0, float(np.max(np.interp(upper[:, 0], lower[:, 0], lower[:, 1]) - upper[:, 1])))
        reach = (min(brow[:, 1].min(), -1.4 * self._height) - 0.1 * self._width, 0.45 * self._width + self._height)
        self._box = self._bounds(reach, patch.shape)
        rows, columns = np.mgrid[self._box]
        places = self._to_eye(np.stack([columns, rows], axis=-1))
        self._x, self._y = places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)
        self._upper, self._lower, self._brow = (_curve(line, self._x) for line in (upper, lower, brow))
        self._upper -= 0.08 * self._height  # the mesh follows the lid's wet edge, a little inside the lashes
        # the stretch begins just under the brow
        self._brow = np.minimum(self._brow, self._upper - 0.55 * self._height)
        self._brow += 0.25 * (self._upper - self._brow)
        self._lash_px = max(2.0, LASHES * self._height)
        outside = np.abs(self._x) / self._width - 0.5
        self._sides = (1 - smoothstep(0, 0.14, outside)).astype(np.float32)
        self._ball = self._eyeball()
        self._lid_colour = _lid_colour(geometry, eye, patch, is_grey)

    def move(self, pixel_map: PixelMap, expression: Expression) -> None:
        """Change where the eye's pixels come from."""
        gaze_x = expression.gaze_x * GAZE_ACROSS * self._width
        gaze_y = expression.gaze_y * GAZE_DOWN * self._width
        along, down = -self._ball * gaze_x, -self._ball * gaze_y
        if expression.blink > MIN_BLINK:
            down = down + self._lid_shift(expression.blink)
        pixel_map.x[self._box] += along * self._across[0] + down * self._down[0]
        pixel_map.y[self._box] += along * self._across[1] + down * self._down[1]

    def paint(self, patch: Image, expression: Expression) -> None:
        """Give a lid that was stretched the look of skin, and its edge a shadow."""
        if expression.blink <= MIN_BLINK:
            return
        margin = self._margin(expression.blink)
        skin = patch[self._box].astype(np.float32)
        skin += (self._smooth_lid(skin, margin) - skin) * self._lid_alpha(margin, expression.blink)
        skin *= self._lid_shade(margin, expression.blink)
        patch[self._box] = np.clip(skin, 0, 255).astype(np.uint8)

    def _to_eye(self, places: Floats) -> Floats:
        offsets: Floats = (places - self._centre) @ np.stack([self._across, self._down]).T
        return offsets

    def _bounds(self, reach: tuple[float, float], shape: tuple[int, ...]) -> tuple[slice, slice]:
        corners = np.array([[x, y] for x in (-0.72 * self._width, 0.72 * self._width) for y in reach])
        pixels = self._centre + corners @ np.stack([self._across, self._down])
        left, top = np.maximum(np.floor(pixels.min(axis=0)), 0).astype(int)
        right, bottom = np.minimum(np.ceil(pixels.max(axis=0)), (shape[1], shape[0])).astype(int)
        return slice(int(top), int(bottom)), slice(int(left), int(right))

    def _eyeball(self) -> Floats:
        """1 inside the opening, 0 at the lids, which stay where they are when the eye turns."""
        to_lid = 0.45 * self._height
        inside = smoothstep(0, to_lid, self._y - self._upper) * smoothstep(0, to_lid, self._lower - self._y)
        ball: Floats = inside * np.clip(1 - (2 * self._x / (0.92 * self._width)) ** 2, 0, 1)
        return ball.astype(np.float32)

    def _margin(self, blink: float) -> Floats:
        """The upper lid's edge, lowered almost to the lower lid's."""
        return self._upper + blink * 0.93 * (self._lower - self._upper) * self._sides

    def _lashes_px(self, blink: float) -> Floats:
        return self._lash_px * (1 - LASHES_SQUASH * blink * self._sides)

    def _lid_shift(self, blink: float) -> Floats:
        margin, lashes_px = self._margin(blink), self._lashes_px(blink)
        stretched = np.maximum(margin - lashes_px - self._brow, 1)
        share = np.clip((self._y - self._brow) / stretched, 0, 1)
        from_lid = self._brow + share * np.maximum(self._upper - self._lash_px - self._brow, 1)
        from_lashes = self._upper - (margin - self._y) * (self._lash_px / lashes_px)
        source = np.where(self._y <= margin - lashes_px, from_lid, from_lashes)
        rise = blink * LOWER_LID_RISE * (self._lower - self._upper) * self._sides
        fading = np.clip(1 - (self._y - self._lower) / (1.1 * self._height), 0, 1) ** 2
        below = np.where(self._y > self._lower - rise, rise * fading, 0)
        above = np.where(self._y < self._brow, 0, source - self._y)
        shift: Floats = np.where(self._y <= margin, above, below)
        return shift

    def _smooth_lid(self, skin: Floats, margin: Floats) -> Floats:
        smooth = cv2.GaussianBlur(skin, (0, 0), sigmaX=0.07 * self._width, sigmaY=0.8)
        smooth = cv2.blur(smooth, (int(0.12 * self._width) | 1, 1))
        roundness = 1.04 - 0.16 * (2 * self._along_lid(margin) - 1.15) ** 2  # lightest where the eyeball bulges
        lid: Floats = smooth + (self._lid_colour * roundness[..., None] - smooth) * 0.7
        return lid

    def _lid_alpha(self, margin: Floats, blink: float) -> Floats:
        under_brow = smoothstep(0, 0.75, self._along_lid(margin))
        above_lashes = smoothstep(0, 1.2, (margin - self._y) / self._lashes_px(blink))
        alpha: Floats = above_lashes * under_brow * self._sides * min(1.0, 1.3 * blink) * 0.9
        return alpha[..., None].astype(np.float32)

    def _lid_shade(self, margin: Floats, blink: float) -> Floats:
        """Darker towards the edge, darkest along it."""
        lid = 0.10 * self._along_lid(margin) * (self._y < margin) * self._sides
        edge = np.exp(-(((self._y - margin) / (0.22 * self._lash_px)) ** 2))
        lashes = 0.25 * edge * np.clip(1 - (2 * np.abs(self._x) / self._width) ** 4, 0, 1)
        shade: Floats = 1 - blink * (lid + lashes)
        return shade[..., None].astype(np.float32)

    def _along_lid(self, margin: Floats) -> Floats:
        """0 under the brow, 1 at the lid's edge."""
        return np.clip((self._y - self._brow) / (margin - self._brow + 1), 0, 1)


def _curve(line: Floats, x: Floats) -> Floats:
    order = np.argsort(line[:, 0])
    curve: Floats = np.interp(x, line[order, 0], line[order, 1]).astype(np.float32)
    return curve


def _lid_colour(geometry: FaceGeometry, eye: EyePoints, patch: Image, is_grey: bool) -> Floats:
    lids = sample_colour(patch, geometry.points[eye.fold, :2])
    bright_half = lids[np.argsort(lids.sum(axis=1))[len(lids) // 2 :]].mean(axis=0)
    tint = np.float32(0.92) if is_grey else np.array(LID_TINT, np.float32)
    colour: Floats = (0.3 * bright_half + 0.7 * skin_colour(geometry, patch)) * tint
    return colour
