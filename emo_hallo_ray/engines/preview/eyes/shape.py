"""One eye's outline, and coordinates in which every eye is level."""

from typing import NamedTuple

import cv2
import numpy as np

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry, Floats, smoothstep
from emo_hallo_ray.faces.landmarks import EyePoints

SIDES, ABOVE, BELOW = 0.66, 0.75, 1.3  # the box: of the eye's width from its middle, of its height beyond the lids
LASHES_ABOVE_MESH = 0.08  # of the opening: the mesh follows the lid's wet edge, a little inside the lashes


class EyeShape:
    """Where the lids of an eye are in a picture.

    Attributes:
        width, height: of the opening, in pixels.
        across, down: unit vectors in the picture, from corner to corner and towards the lower lid.
        box: the rows and columns that anything about the eye may change.
        x, y: (h, w) of the box's pixels, along `across` and `down` from the middle between the corners.
        upper, lower: (h, w) y of the lids' edges at each pixel's x.
        opening: (h, w) from one to the other.
        sides: (h, w) 1 between the corners, 0 well outside.
    """

    def __init__(self, geometry: FaceGeometry, eye: EyePoints, picture_shape: tuple[int, ...]) -> None:
        corners = geometry.points[[eye.upper_lid[0], eye.upper_lid[-1]], :2]
        self.width = float(np.linalg.norm(corners[1] - corners[0]))
        self.across = (corners[1] - corners[0]) / self.width
        self.down = np.array([-self.across[1], self.across[0]])
        self._centre = corners.mean(axis=0)

        self._upper_line, self._lower_line, self._brow_line = (
            self.to_eye(geometry.points[ids, :2]) for ids in (eye.upper_lid, eye.lower_lid, eye.brow)
        )
        gaps = _on(self._lower_line, self._upper_line[:, 0]) - self._upper_line[:, 1]
        self.height = max(2.0, float(gaps.max()))
        self._upper_line[:, 1] -= LASHES_ABOVE_MESH * np.maximum(gaps, 0)
        self.box = self._bounds(picture_shape)
        rows, columns = np.mgrid[self.box]
        places = self.to_eye(np.stack([columns, rows], axis=-1)).astype(np.float32)
        self.x, self.y = places[..., 0], places[..., 1]
        self.upper, self.lower, _ = self.lines(self.x)
        self.opening = self.lower - self.upper
        self.sides = (1 - smoothstep(0.5, 0.64, np.abs(self.x) / self.width)).astype(np.float32)

    def lines(self, x: Floats) -> "Lines":
        """The outline at places along the eye."""
        upper, lower, brow = (
            _on(line, x).astype(np.float32) for line in (self._upper_line, self._lower_line, self._brow_line)
        )
        return Lines(upper, np.maximum(lower, upper), np.minimum(brow, upper - 0.3 * self.height))

    def to_eye(self, places: Floats) -> Floats:
        """Places in the picture, (..., 2), in the eye's axes."""
        offsets: Floats = (places - self._centre) @ np.stack([self.across, self.down]).T
        return offsets

    def to_picture(self, x: Floats, y: Floats) -> Floats:
        """The inverse of `to_eye`."""
        places: Floats = self._centre + np.stack([x, y], axis=-1) @ np.stack([self.across, self.down])
        return places

    def read(self, picture: Image, x: Floats, y: Floats) -> Floats:
        """Colours of the picture at places in the eye's axes, (..., 3)."""
        places = self.to_picture(*np.broadcast_arrays(x, y)).astype(np.float32)
        colours: Floats = cv2.remap(
            picture, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ).astype(np.float32)
        return colours

    def _bounds(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        top = self._upper_line[:, 1].min() - ABOVE * self.height
        bottom = self._lower_line[:, 1].max() + BELOW * self.height
        sides = SIDES * self.width
        corners = self.to_picture(np.array([-sides, -sides, sides, sides]), np.array([top, bottom, top, bottom]))
        left, first = np.clip(np.floor(corners.min(axis=0)), 0, np.array(shape[1::-1]) - 1).astype(int)
        right, last = np.clip(np.ceil(corners.max(axis=0)), (left + 1, first + 1), shape[1::-1]).astype(int)
        return slice(int(first), int(last)), slice(int(left), int(right))


class Lines(NamedTuple):
    """y of an eye's outline at some x: the edges of both lids, and the brow's lower edge."""

    upper: Floats
    lower: Floats
    brow: Floats


def _on(line: Floats, x: Floats) -> Floats:
    order = np.argsort(line[:, 0])
    y: Floats = np.interp(x, line[order, 0], line[order, 1])
    return y
