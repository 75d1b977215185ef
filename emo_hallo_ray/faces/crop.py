"""A square cut from a picture so that the face sits in it as in a portrait."""

from dataclasses import dataclass

import cv2
import numpy as np

from emo_hallo_ray.faces.detector import Image
from emo_hallo_ray.faces.landmarks import FEATURES, OVAL
from emo_hallo_ray.faces.mesh import Points

FACE_SHARE = 0.5  # of the frame's height is the face oval
MAX_FACE_SHARE = 0.75  # in pictures that end close to the face
FEATURE_MARGIN = 0.04  # of the frame, at least, around eyes and mouth


@dataclass(frozen=True)
class PortraitCrop:
    """A square in whole image pixels; it may reach beyond the picture."""

    left: int
    top: int
    side: int

    def cut(self, image: Image, size_px: int) -> Image:
        """The square's content, resampled to `size_px`; beyond the picture its border repeats."""
        height, width = image.shape[:2]
        right, bottom = self.left + self.side, self.top + self.side
        inside = image[max(0, self.top) : min(height, bottom), max(0, self.left) : min(width, right)]
        margins = (max(0, -self.top), max(0, bottom - height), max(0, -self.left), max(0, right - width))
        square = cv2.copyMakeBorder(inside, *margins, cv2.BORDER_REPLICATE)
        interpolation = cv2.INTER_AREA if self.side > size_px else cv2.INTER_CUBIC
        resampled: Image = cv2.resize(square, (size_px, size_px), interpolation=interpolation)
        return resampled

    def map_points(self, points: Points, size_px: int) -> Points:
        """Mesh points of the picture in pixels of the cut."""
        scale = size_px / self.side
        mapped = points * np.float32(scale)
        mapped[:, 0] += (0.5 - self.left) * scale - 0.5
        mapped[:, 1] += (0.5 - self.top) * scale - 0.5
        return mapped


def crop_portrait(image: Image, points: Points) -> PortraitCrop:
    """The square around a face: half its height is face, less background where the picture has none to give."""
    height, width = image.shape[:2]
    oval, features = points[OVAL, :2], points[FEATURES, :2]
    low, high = oval.min(axis=0), oval.max(axis=0)
    face_px = float((high - low).max())
    side = max(min(face_px / FACE_SHARE, height, width), face_px / MAX_FACE_SHARE)
    room = np.array([width, height]) - side
    start = np.where(room >= 0, np.clip((low + high - side) / 2, 0, np.maximum(room, 0)), room / 2)
    # where the picture's edge cuts the face, the frame shows what lies beyond it rather than half a mouth
    margin = FEATURE_MARGIN * side
    start = np.maximum(start, features.max(axis=0) + margin - side)
    start = np.minimum(start, features.min(axis=0) - margin)
    left, top = np.rint(start).astype(int)
    return PortraitCrop(int(left), int(top), round(side))
