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

FRAME_PX = 512
WORK_PX = 768  # half as large again as a frame, so that two warps in a row stay sharp


@dataclass(frozen=True)
class Portrait:
    """What the renderer works on.

    Attributes:
        image: (768, 768, 3) RGB.
        points: (478, 3) mesh points in its pixels, z included.
    """

    image: Image
    points: Points

    def to_arrays(self) -> Arrays:
        """For `GenerationJob.portrait`."""
        return {"image": self.image, "points": self.points}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "Portrait":
        """The inverse of `to_arrays`."""
        return cls(cast(NDArray[np.uint8], arrays["image"]), cast(Points, arrays["points"]))


class PreviewPortraitPreparer:
    """Finds, measures and frames the face."""

    version = "1"

    def prepare(self, image: Image) -> tuple[Arrays, list[str]]:
        """Return a `Portrait` as arrays, and remarks on what was found.

        Raises:
            NoFaceFound, FaceTooSmall: the picture cannot be animated.
        """
        face = find_main_face(image)
        points = measure_steadily(FaceMesh(), image, face.points)
        crop = crop_portrait(image, points)
        portrait = Portrait(crop.cut(image, WORK_PX), crop.map_points(points, WORK_PX))
        return portrait.to_arrays(), list(face.remarks)
