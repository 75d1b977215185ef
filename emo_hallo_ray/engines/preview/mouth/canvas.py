"""A small picture in mouth axes, on which the inside of a mouth is painted and from which it is put into the face."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry, Floats, Vectors
from emo_hallo_ray.faces.landmarks import UPPER_LIP_INSIDE

LEFT, TOP, SIDE = -1.3, -0.9, 2.6  # in half mouth widths from the mouth's centre


@dataclass(frozen=True)
class Layer:
    """A painted part.

    Attributes:
        colour: (H, W, 3) RGB in 0..255.
        alpha: (H, W, 1) in 0..1.
    """

    colour: Floats
    alpha: Floats

    def over(self, below: Floats, rows: slice, down_px: float = 0.0, strength: float = 1.0) -> Floats:
        """Lay these rows of the layer, moved down and faded, over a picture of the same rows."""
        colour, alpha = (_moved_down(part, down_px, rows) for part in (self.colour, self.alpha))
        mixed: Floats = below + (colour - below) * (alpha * np.float32(strength))
        return mixed


class MouthCanvas:
    """The canvas of one mouth, at the patch's resolution."""

    def __init__(self, geometry: FaceGeometry) -> None:
        self._geometry = geometry
        self.unit = geometry.half_mouth
        self.side_px = int(SIDE * self.unit)

    @cached_property
    def u(self) -> Floats:
        """(W,) pixels right of the mouth's centre."""
        return (np.arange(self.side_px) + LEFT * self.unit).astype(np.float32)

    @cached_property
    def v(self) -> Floats:
        """(H,) pixels below the mouth's centre."""
        return (np.arange(self.side_px) + TOP * self.unit).astype(np.float32)

    @cached_property
    def lips_at_rest(self) -> tuple[Floats, Floats]:
        """v of the upper and lower lip's inner edges in the portrait, (W,) each."""
        upper, lower = (self.curve(lip) for lip in self._geometry.lips)
        return upper, lower

    @cached_property
    def lip_line(self) -> Floats:
        """(W,) v where the lips meet, smoothed: what lies inside does not follow a crooked smile."""
        upper, lower = self.lips_at_rest
        return self._smooth((upper + lower) / 2)

    @cached_property
    def jaw_line(self) -> Floats:
        """(W,) v of what goes with the jaw, as `lip_line`; in an open mouth it is down at the lower lip."""
        _, lower = self.lips_at_rest
        return self._smooth(lower) if self._geometry.is_mouth_open else self.lip_line

    @cached_property
    def half_widths(self) -> tuple[float, float]:
        """Pixels from the centre to either corner; they differ when the face is turned."""
        ends = self._geometry.to_mouth(self._geometry.points[[UPPER_LIP_INSIDE[0], UPPER_LIP_INSIDE[-1]], :2])
        return max(0.55 * self.unit, -float(ends[0, 0])), max(0.55 * self.unit, float(ends[1, 0]))

    def curve(self, line: Floats) -> Floats:
        """v along the canvas, (W,), of a line given in patch pixels from left to right."""
        in_mouth = self._geometry.to_mouth(line)
        return np.interp(self.u, in_mouth[:, 0], in_mouth[:, 1]).astype(np.float32)

    def reach(self, line: Floats) -> Floats:
        """(W,) 1 where the canvas lies between the ends of a line, else 0."""
        ends = self._geometry.to_mouth(line[[0, -1]])[:, 0]
        reach: Floats = ((self.u > ends[0]) & (self.u < ends[1])).astype(np.float32)
        return reach

    def _smooth(self, line: Floats) -> Floats:
        smooth = cv2.GaussianBlur(line[None], (0, 0), 0.05 * self.side_px, borderType=cv2.BORDER_REPLICATE)
        curve: Floats = smooth[0]
        return curve

    def take(self, patch: Image) -> Image:
        """What the patch shows where the canvas lies."""
        taken: Image = cv2.warpAffine(
            patch,
            self._to_patch(first_row=0),
            (self.side_px, self.side_px),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return taken

    def put(self, patch: Image, colour: Floats, alpha: Floats, first_row: int) -> None:
        """Blend some rows of the canvas into the patch, in place."""
        to_patch = self._to_patch(first_row)
        height, width = alpha.shape[:2]
        box = _bounds(to_patch, height, width, patch.shape)
        to_patch[:, 2] -= (box[1].start, box[0].start)
        region = patch[box]
        size = (region.shape[1], region.shape[0])
        layer = np.concatenate([colour, alpha], axis=2)
        placed = cv2.warpAffine(layer, to_patch, size, flags=cv2.INTER_LINEAR)
        opaque = placed[..., 3:]
        mixed = region + (placed[..., :3] - region) * opaque
        region[:] = np.clip(mixed, 0, 255).astype(np.uint8)

    def _to_patch(self, first_row: int) -> Vectors:
        """(2, 3) from canvas pixels, counted from `first_row`, to patch pixels."""
        axes = self._geometry.mouth_axes.T
        corner = np.array([LEFT * self.unit, TOP * self.unit + first_row])
        return np.column_stack([axes, self._geometry.mouth_centre[:2] + axes @ corner])


def _bounds(to_patch: Vectors, height: int, width: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    corners = np.array([[x, y, 1] for x in (0, width - 1) for y in (0, height - 1)]) @ to_patch.T
    left, top = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(corners.max(axis=0)) + 1, (shape[1], shape[0])).astype(int)
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def _moved_down(part: Floats, down_px: float, rows: slice) -> Floats:
    if down_px == 0:
        return part[rows]
    shift = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, down_px - rows.start]])
    size = (part.shape[1], rows.stop - rows.start)
    moved: Floats = cv2.warpAffine(part, shift, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved.reshape(size[1], size[0], -1)
