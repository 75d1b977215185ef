"""What a viewer would see of a rendered face, found again in its frames by the landmark model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.portrait import Portrait
from emo_hallo_ray.engines.preview.renderer import Renderer
from emo_hallo_ray.faces.landmarks import EYES, LEFT_EYE_OUTER, LOWER_LIP_INSIDE, RIGHT_EYE_OUTER, UPPER_LIP_INSIDE
from emo_hallo_ray.faces.mesh import FaceMesh, region_of_points

Floats = NDArray[np.float64]

MIDDLE = slice(3, 8)  # of the lips' eleven points
LOOKS = [(-0.02, 0.02, 0.8), (0.02, -0.02, 1.0), (0.0, 0.0, 1.3)]  # one look alone snaps to open or closed lips
WIDE_OPEN = Expression(jaw=0.8, settle=1)
CLOSED = Expression(close=1, settle=1)
CLOSED_SHARE = 0.15  # of the way from closed to wide open, up to which a viewer takes lips for closed


@dataclass(frozen=True)
class Seen:
    """Attributes:
    opening: (N,) between the lips, over the distance of the eyes' outer corners.
    eyes: (N,) between the lids, over the same.
    """

    opening: Floats
    eyes: Floats


class Viewer:
    """Looks at frames of one portrait."""

    def __init__(self, portrait: Portrait, renderer: Renderer) -> None:
        self._mesh = FaceMesh()
        scale = np.float32(portrait.frame_px / portrait.image.shape[0])
        region = region_of_points(portrait.points * scale)
        self._regions = [region.moved(*jitter) for jitter in LOOKS]
        self._closed, self._open = self.look([renderer.render(face) for face in (CLOSED, WIDE_OPEN)]).opening

    def look(self, frames: Sequence[Image]) -> Seen:
        """Find lips and lids in every frame."""
        measured = [self._measure(frame) for frame in frames]
        opening, eyes = np.array(measured).T
        return Seen(opening, eyes)

    def is_closed(self, opening: Floats) -> NDArray[np.bool_]:
        """Whether the lips touch, (N,)."""
        closed: NDArray[np.bool_] = opening < self._closed + CLOSED_SHARE * (self._open - self._closed)
        return closed

    def _measure(self, frame: Image) -> tuple[float, float]:
        points = np.mean([self._mesh.measure_region(frame, region)[0] for region in self._regions], axis=0)
        unit = np.linalg.norm(points[LEFT_EYE_OUTER, :2] - points[RIGHT_EYE_OUTER, :2])
        lips = points[UPPER_LIP_INSIDE, :2] - points[LOWER_LIP_INSIDE, :2]
        lids = [points[eye.upper_lid[4], :2] - points[eye.lower_lid[4], :2] for eye in EYES]
        opening = np.linalg.norm(lips[MIDDLE], axis=1).mean() / unit
        return float(opening), float(np.linalg.norm(lids, axis=1).mean() / unit)
