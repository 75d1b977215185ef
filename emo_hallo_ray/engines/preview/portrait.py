"""The preview engine's `PortraitPreparer`: a square picture around the face, and the face's mesh in it."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.engines.base import Arrays, Image
from emo_hallo_ray.faces.crop import crop_portrait
from emo_hallo_ray.faces.mesh import FaceMesh, Points
from emo_hallo_ray.faces.selection import find_main_face
from emo_hallo_ray.faces.steady import measure_steadily

WORK_SCALE = 1.5  # of a frame's side: two warps in a row stay sharp


@dataclass(frozen=True)
class Portrait:
    """What the renderer works on.

    Attributes:
        image: (S, S, 3) RGB, S being `WORK_SCALE` times the frame's side.
        points: (478, 3) mesh points in its pixels, z included.
        enlargement: pixels of `image` per pixel of the picture it was cut from; above 1 it is softer than it could be.
    """

    image: Image
    points: Points
    enlargement: float

    @property
    def frame_px(self) -> int:
        """Side of the frames that are made from it."""
        return int(self.image.shape[0] / WORK_SCALE)

    def to_arrays(self) -> Arrays:
        """For `GenerationJob.portrait`."""
        return {"image": self.image, "points": self.points, "enlargement": np.array(self.enlargement, np.float32)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "Portrait":
        """The inverse of `to_arrays`."""
        image, points = cast(NDArray[np.uint8], arrays["image"]), cast(Points, arrays["points"])
        return cls(image, points, float(cast(NDArray[np.float32], arrays["enlargement"])))


class PreviewPortraitPreparer:
    """Finds, measures and frames the face."""

    def __init__(self, frame_px: int = 512) -> None:
        self.version = f"2-{frame_px}"
        self._work_px = round(frame_px * WORK_SCALE)

    def prepare(self, image: Image) -> tuple[Arrays, list[str]]:
        """Return a `Portrait` as arrays, and what may spoil the result.

        Raises:
            NoFaceFound, FaceTooSmall: the picture cannot be animated.
        """
        face = find_main_face(image)
        steady = measure_steadily(FaceMesh(), image, face.points)
        crop = crop_portrait(image, steady.points)
        size = self._work_px
        portrait = Portrait(crop.cut(image, size), crop.map_points(steady.points, size), size / crop.side)
        warnings = list(face.remarks)
        if not steady.is_mouth_visible:
            warnings.append("the mouth seems to be covered or hard to make out; one in full view moves better")
        return portrait.to_arrays(), warnings
