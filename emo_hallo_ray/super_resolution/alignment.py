"""Faces as restorers want them: 512 × 512, eyes level, features where FFHQ has them.

A face lies in a frame by one similarity, frame to crop; cutting and pasting use the same one.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.faces.keypoints import mesh_keypoints, similarity

CROP_PX = 512
# where eyes, nose tip and mouth corners lie in the FFHQ faces that restorers were trained on, as facexlib has it
TEMPLATE = np.array(
    [
        [192.98138, 239.94708],
        [318.90277, 240.1936],
        [256.63416, 314.01935],
        [201.26117, 371.41043],
        [313.08905, 371.15118],
    ]
)
MIN_WARP_SCALE = 0.5  # a warp reads few pixels only: below this, pictures are averaged down first

Image = NDArray[np.uint8]  # (H, W, 3) RGB
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AlignedFace:
    """Where a frame's face is, and how much of its restoration to show.

    Attributes:
        matrix: (2, 3) similarity from frame pixels to crop pixels.
        hull: (N, 2) outline of the face from brow to chin, x and y in crop pixels.
        strength: 0…1; below 1 while a face appears or is lost.
    """

    matrix: Floats
    hull: Floats
    strength: float


def aligning_matrix(points: NDArray[np.floating]) -> Floats:
    """(2, 3) map from frame pixels to crop pixels for a mesh of 478 points."""
    return similarity(mesh_keypoints(points), TEMPLATE)


def cut(frame: Image, face: AlignedFace) -> Image:
    """The face, (512, 512, 3); beyond the frame its border repeats."""
    enlarges = np.hypot(*face.matrix[:, 0]) > 1
    return warp(frame, face.matrix, CROP_PX, CROP_PX, cv2.INTER_CUBIC if enlarges else cv2.INTER_LINEAR)


def warp(image: Image, matrix: Floats, width: int, height: int, interpolation: int) -> Image:
    """Resample a picture through a similarity from its pixels to the result's; beyond it its border repeats."""
    scale = float(np.hypot(*matrix[:, 0]))
    if scale < MIN_WARP_SCALE:
        shrink = scale / MIN_WARP_SCALE
        image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        matrix = after_enlarging(matrix, 1 / shrink)
    warped: Image = cv2.warpAffine(image, matrix, (width, height), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
    return warped


def after_enlarging(matrix: Floats, factor: float) -> Floats:
    """The map of a picture, for the same picture made smaller: enlarge by `factor`, then apply `matrix`."""
    return _compose(matrix, _enlarging(factor))


def before_enlarging(matrix: Floats, factor: float) -> Floats:
    """The map to a picture, continued to the same picture made larger: apply `matrix`, then enlarge by `factor`."""
    return _compose(_enlarging(factor), matrix)


def _enlarging(factor: float) -> Floats:
    """From pixel centres to pixel centres: the corners of both pictures coincide."""
    shift = (factor - 1) / 2
    return np.array([[factor, 0, shift], [0, factor, shift]])


def _compose(second: Floats, first: Floats) -> Floats:
    composed = second[:, :2] @ first
    composed[:, 2] += second[:, 2]
    return composed
