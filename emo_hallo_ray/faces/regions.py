"""Which parts of a portrait are background, face and lips? Boxes from landmarks, and the soft masks Hallo2 reads.

The arithmetic is the original Hallo2's, to the byte, except where a box is longer than the picture.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from emo_hallo_ray.faces.landmarks import LOWER_LIP_OUTSIDE, OVAL, UPPER_LIP_OUTSIDE

FACE_EXPANSION, LIP_EXPANSION = 1.2, 2.0  # box side over the side of what the landmarks enclose
BLURRED_PX = 64
FACE_KERNEL_PX, LIP_KERNEL_PX = 51, 31  # of Gaussians over 64 × 64, whatever the picture's size
N_LEVELS = 4
FINEST_CELL_PX = 8  # a latent pixel; every further level doubles it
LIPS = [*UPPER_LIP_OUTSIDE, *LOWER_LIP_OUTSIDE[1:-1]]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Box:
    """Whole pixels; right and bottom are the first that are not inside."""

    left: int
    top: int
    right: int
    bottom: int

    def fill(self, height: int, width: int) -> Bytes:
        """A picture that is 255 inside, 0 elsewhere."""
        mask = np.zeros((height, width), np.uint8)
        mask[self.top : self.bottom, self.left : self.right] = 255
        return mask


@dataclass(frozen=True)
class Regions:
    """Where speech acts, each 64 × 64 bytes, from 0 (nowhere) to 255, with soft borders.

    Attributes:
        full: all but the face; the original calls it full and fills it with the background.
        face: the face without the lips.
    """

    full: Bytes
    face: Bytes
    lip: Bytes


def face_box(points: NDArray[np.floating], height: int, width: int, expansion: float = FACE_EXPANSION) -> Box:
    """Around the face's oval.

    Args:
        points: (478, 2 or 3) mesh points, x and y in pixels of a picture of this height and width.
    """
    return _box(points[OVAL, :2], height, width, expansion)


def lip_box(points: NDArray[np.floating], height: int, width: int, expansion: float = LIP_EXPANSION) -> Box:
    """Around the lips' outer line; arguments as for `face_box`."""
    return _box(points[LIPS, :2], height, width, expansion)


def separate(face_mask: Bytes, lip_mask: Bytes) -> Regions:
    """Soft regions from hard masks of any size."""
    face, lip = blur(face_mask, FACE_KERNEL_PX), blur(lip_mask, LIP_KERNEL_PX)
    full = ((1 - face / 255) * 255).astype(np.uint8)  # truncated: at times one less than 255 - face
    return Regions(full, cv2.subtract(face, lip), lip)


def blur(mask: Bytes, kernel_px: int) -> Bytes:
    """A mask shrunk to 64 × 64, blurred, and stretched back to 0…255."""
    small = cv2.resize(mask, (BLURRED_PX, BLURRED_PX), interpolation=cv2.INTER_LINEAR)
    blurred: Bytes = cv2.GaussianBlur(small, (kernel_px, kernel_px), 0)
    if blurred.min() == blurred.max():
        return blurred  # there is nothing to stretch, and OpenCV would turn a full mask into an empty one
    stretched: Bytes = cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX)
    return stretched


def attention_levels(region: Bytes, frame_px: int) -> list[Floats]:
    """A region at the networks' four resolutions, each (1, tokens) in 0…1; tokens of level k: (frame_px / 8 / 2^k)²."""
    sides = [frame_px // FINEST_CELL_PX // 2**level for level in range(N_LEVELS)]
    return [np.divide(resize(region, side, side).reshape(1, -1), 255, dtype=np.float32) for side in sides]


def resize(pixels: Bytes, height: int, width: int) -> Bytes:
    """A picture or mask in another size: bilinear, averaging where it shrinks. Ratios are not kept."""
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))


def _box(points: NDArray[np.floating], height: int, width: int, expansion: float) -> Box:
    (low_x, low_y), (high_x, high_y) = np.rint(points.min(axis=0)), np.rint(points.max(axis=0))
    left, right = expand(float(low_x), float(high_x), width, expansion)
    top, bottom = expand(float(low_y), float(high_y), height, expansion)
    return Box(left, top, right, bottom)


def expand(low: float, high: float, length: int, expansion: float) -> tuple[int, int]:
    """A span about the same middle, moved so far that it lies within 0…length.

    A span longer than that is cut to it. The original leaves a negative start there, which then counts from the
    picture's end, so that a face filling the picture gives a mask with a strip in a corner.
    """
    middle, half = (low + high) // 2, (high - low) * expansion // 2
    start, stop = middle - half, middle + half
    if start < 0:
        start, stop = 0, stop - start
    if stop > length:
        start, stop = start - (stop - length), length
    return max(0, int(start)), int(stop)
