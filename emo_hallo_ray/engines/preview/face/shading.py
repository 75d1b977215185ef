"""Light on a face that moves: folds deepen, cheeks hollow, the chin turns away from the lamp.

Each movement has a field of relative brightness, as function of face coordinates; a frame multiplies the face by their
sum. What a smile has carved into the picture itself is filled as far as the smile is taken back.
"""

from itertools import pairwise

import cv2
import numpy as np

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.face.geometry import (
    FaceCoordinates,
    FaceGeometry,
    Floats,
    Vectors,
    locate,
    smoothstep,
)
from emo_hallo_ray.faces.landmarks import LEFT_FOLD, RIGHT_FOLD

CELLS_PER_FACE = 32  # shading is smooth
MIN_SHADE = 0.004  # one grey level of bright skin
SHADES = ("opening", "wide", "pucker", "press")

FOLD_WIDTH = 0.16  # of half the mouth
N_FILLINGS = 5  # steps between the folds of the picture and none


class FaceShading:
    """Shades a patch of the portrait."""

    def __init__(self, geometry: FaceGeometry, share: Floats) -> None:
        """Prepare for a patch of which `share`, (H, W) in 0..1, takes part: 0 in the background."""
        height, width = share.shape
        self._cell_px = cell = max(2, round(geometry.height / CELLS_PER_FACE))
        rows, columns = -(-height // cell), -(-width // cell)
        y, x = np.mgrid[:rows, :columns]
        nodes = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) * cell - 0.5
        fields = _shade_fields(geometry, nodes)
        # the least of each node's surroundings: nothing outside is shaded when the grid is enlarged
        part = cv2.resize(cv2.erode(share, np.ones((2 * cell + 1, 2 * cell + 1))), (columns, rows))
        self._fields = np.stack([fields[name] for name in SHADES]).reshape(-1, rows, columns).astype(np.float32) * part
        self._size = columns * cell, rows * cell

    def apply(self, patch: Image, amounts: Floats) -> None:
        """Multiply the patch, in place, by the light that movements of these amounts (one per `SHADES`) leave."""
        shade = np.tensordot(amounts, self._fields, axes=1)
        if np.abs(shade).max() < MIN_SHADE:
            return
        touched = np.flatnonzero(np.abs(shade).max(axis=1) >= MIN_SHADE / 2)
        rows = slice(touched[0] * self._cell_px, min(patch.shape[0], (touched[-1] + 1) * self._cell_px))
        light = cv2.resize(1 + shade, self._size, interpolation=cv2.INTER_LINEAR)[rows, : patch.shape[1]]
        cv2.multiply(patch[rows], cv2.merge([light] * patch.shape[2]), dst=patch[rows], dtype=cv2.CV_8U)


def filled_folds(geometry: FaceGeometry, patch: Image, share: Floats) -> list[Image]:
    """The patch with the smile's folds as they are, then filled more and more; `N_FILLINGS` pictures.

    `share`, (H, W) in 0..1, is 0 in the background, which stays as it is.
    """
    height, width = patch.shape[:2]
    rows, columns = np.mgrid[0:height:4, 0:width:4]
    near = _near_folds(geometry, np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float64), 2.2 * FOLD_WIDTH)
    mask = cv2.resize(near.reshape(rows.shape).astype(np.float32), (width, height))[..., None] * share[..., None]
    still = patch.astype(np.float32)
    smooth = cv2.GaussianBlur(still, (0, 0), 0.14 * geometry.half_mouth)
    filling = np.maximum(smooth - cv2.GaussianBlur(still, (0, 0), 0.02 * geometry.half_mouth), 0) * mask
    shares = np.linspace(0, 0.75, N_FILLINGS)
    return [np.clip(still + filling * share, 0, 255).astype(np.uint8) for share in shares]


def _shade_fields(geometry: FaceGeometry, places: Vectors) -> dict[str, Vectors]:
    at = locate(geometry, places)
    on_face = 1 - smoothstep(0.9, 1.05, at.radius)
    beside = np.abs(at.x)
    folds = _near_folds(geometry, places, FOLD_WIDTH)
    cheek_apple = _spot(at, across=1.5, down=-1.25, width=0.65)
    hollow = _spot(at, across=1.55, down=0.35, width=0.6)
    corner = _spot(at, across=1.12, down=0.0, width=0.22)
    under_lip = np.exp(-(((at.in_lower - 1.5) / 0.45) ** 2)) * np.clip(1 - beside**2, 0, 1)
    chin_end = smoothstep(0.7, 1.0, at.chin) * (1 - smoothstep(0.5, 1.0, at.side))
    neck = smoothstep(1.0, 1.1, at.radius) * (1 - smoothstep(1.15, 1.45, at.radius)) * (at.chin > 0.9)
    lips = np.exp(-(((at.in_lower - 0.5) / 0.4) ** 2)) * np.clip(1 - beside**2, 0, 1)
    return {
        "opening": on_face * (-0.07 * folds - 0.10 * hollow - 0.05 * under_lip - 0.08 * chin_end) - 0.10 * neck,
        "wide": on_face * (-0.12 * folds + 0.06 * cheek_apple - 0.06 * corner),
        "pucker": on_face * (-0.10 * corner + 0.07 * lips - 0.06 * under_lip - 0.04 * hollow),
        "press": on_face * (-0.07 * under_lip - 0.05 * corner),
    }


def _spot(at: FaceCoordinates, across: float, down: float, width: float) -> Vectors:
    """A soft spot on either side of the mouth, in half mouth widths."""
    spot: Vectors = np.exp(-(((np.abs(at.x) - across) / width) ** 2) - ((at.below_lower - down) / width) ** 2)
    return spot


def _near_folds(geometry: FaceGeometry, places: Vectors, width: float) -> Vectors:
    """1 on the lines from the nose's wings past the mouth's corners, fading over `width` half mouths."""
    distances = [_distance(places, geometry.points[fold, :2]) for fold in (LEFT_FOLD, RIGHT_FOLD)]
    near: Vectors = np.exp(-((np.minimum(*distances) / (width * geometry.half_mouth)) ** 2))
    return near


def _distance(places: Vectors, line: Vectors) -> Vectors:
    """From places, (N, 2), to a line of straight pieces."""
    nearest = np.full(len(places), np.inf)
    for start, end in pairwise(line):
        piece = end - start
        share = np.clip((places - start) @ piece / (piece @ piece), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(places - start - share[:, None] * piece, axis=1))
    return nearest
