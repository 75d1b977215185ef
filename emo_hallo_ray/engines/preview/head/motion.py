"""Small motions of the head, with depth: near parts move more, shoulders and background stand still."""

import cv2
import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry, Floats
from emo_hallo_ray.engines.preview.head.depth import motion_fields
from emo_hallo_ray.engines.preview.head.silhouette import head_share

N_NODES = 64  # of a grid over the part that moves: a body's motion is smooth, its silhouette is not
MAX_STRAIN = 0.6  # of the background next to the hair; at 1 it would fold
STRAIN_STEP_PX = 4  # between the places where strain is watched

Box = tuple[slice, slice]  # rows and columns
Mask = NDArray[np.bool_]


class HeadMotion:
    """Turns a square picture of one size into frames of another, with the head moved.

    Pixels follow the head's motion in space (`depth`) by their share in it (`silhouette`).

    Attributes:
        share: (frame_px, frame_px) in 0..1, how much of the head's motion each pixel takes part in.
    """

    def __init__(self, geometry: FaceGeometry, picture: Image, patch: Box, frame_px: int) -> None:
        """Prepare for pictures that differ from this one in the patch alone."""
        scale = picture.shape[0] / frame_px
        face = geometry.resampled(1 / scale)
        ticks = ((np.arange(frame_px) + 0.5) * scale - 0.5).astype(np.float32)
        at_rest = np.stack(np.meshgrid(ticks, ticks), axis=-1)  # x and y in the picture of every pixel of a frame
        self._still = _read(picture, at_rest)
        self.share = share = head_share(face, self._still)
        self._box = _box_around((share > 0) | _touched(patch, scale, frame_px))
        self._at_rest = at_rest[self._box]
        self._share = np.repeat(share[self._box][..., None] * np.float32(scale), 2, axis=2)
        nodes = _nodes(self._box)
        self._node_px = nodes[1, 1] - nodes[0, 0]
        self._fields = motion_fields(face, nodes)
        self._strains = _strains(share[self._box], self._fields)

    def render(self, picture: Image, expression: Expression) -> Image:
        """(frame_px, frame_px, 3): the picture, RGB or RGBA, with the head moved by `expression`."""
        e = expression
        amounts = np.array([e.yaw, e.pitch, e.roll, e.shift_x, e.shift_y, e.zoom], np.float32)
        forward = np.tensordot(self._limited(amounts), self._fields, axes=1)
        offset = _enlarge(self._come_from(forward), self._share)
        offset *= self._share
        frame = self._still.copy()
        frame[self._box] = _read(picture, np.subtract(self._at_rest, offset, out=offset))
        return frame

    def _limited(self, amounts: Floats) -> Floats:
        """The amounts, held back softly where they would squeeze the background."""
        excess = float(np.abs(amounts @ self._strains).max(initial=0)) / MAX_STRAIN
        limited: Floats = amounts * np.float32((1 + excess**4) ** -0.25)
        return limited

    def _come_from(self, forward: Floats) -> Floats:
        """One step of inversion is enough for motions of a few pixels."""
        y, x = np.indices(forward.shape[:2], dtype=np.float32)
        cells = forward / self._node_px.astype(np.float32)
        at_source: Floats = cv2.remap(
            forward, x - cells[..., 0], y - cells[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return at_source


def _read(picture: Image, places: Floats) -> Image:
    """RGB of places in a picture; `cv2.remap` takes half the time over four channels that it takes over three."""
    four = picture if picture.shape[2] == 4 else cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA)
    moved = cv2.remap(four, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    pixels: Image = cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB)
    return pixels


def _enlarge(grid: Floats, like: Floats) -> Floats:
    height, width = like.shape[:2]
    enlarged: Floats = cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
    return enlarged


def _touched(patch: Box, scale: float, frame_px: int) -> Mask:
    """Where a frame at rest shows some of a patch of the picture."""
    rows, columns = (slice(max(0, int(s.start / scale) - 1), int(s.stop / scale) + 2) for s in patch)
    touched = np.zeros((frame_px, frame_px), bool)
    touched[rows, columns] = True
    return touched


def _box_around(mask: Mask) -> Box:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _nodes(box: Box) -> Floats:
    """(n, n, 2) x and y of places all over a box, where `cv2.resize` expects them when it enlarges the grid."""
    rows, columns = box
    shares = (np.arange(N_NODES) + 0.5) / N_NODES
    y = rows.start + shares * (rows.stop - rows.start) - 0.5
    x = columns.start + shares * (columns.stop - columns.start) - 0.5
    return np.stack(np.meshgrid(x, y), axis=-1)


def _strains(share: Floats, fields: Floats) -> Floats:
    """How much each motion, by 1, squeezes or stretches the picture where shares change: (6, places)."""
    watched = np.s_[::STRAIN_STEP_PX, ::STRAIN_STEP_PX]
    across, down = (np.gradient(share, axis=axis)[watched] for axis in (1, 0))
    motions = np.stack([_enlarge(field, share)[watched] for field in fields])
    strains: Floats = motions[..., 0] * across + motions[..., 1] * down
    return strains[:, np.hypot(across, down) > 0]
