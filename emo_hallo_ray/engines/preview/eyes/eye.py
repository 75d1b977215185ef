"""One eye of the portrait: it blinks and looks around, if the picture shows it open."""

import cv2
import numpy as np

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.eyes.gaze import gaze_fields
from emo_hallo_ray.engines.preview.eyes.lids import Lids
from emo_hallo_ray.engines.preview.eyes.shape import EyeShape
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry, Floats, Vectors
from emo_hallo_ray.engines.preview.face.warp import PixelMap
from emo_hallo_ray.faces.landmarks import EyePoints

# measured on some sixty pictures: open eyes of people and paintings have .18 and .29 at least, shut ones reach .10;
# blank eyes of statues, dark glasses and hair over the eye reach contrasts of .16
MIN_OPENING = 0.12  # height over width
MIN_CONTRAST = 0.20  # between iris and white, Michelson's


class Eye:
    """One eye in a patch of the portrait. An eye that is shut or hidden there stays as it is."""

    def __init__(self, geometry: FaceGeometry, eye: EyePoints, patch: Image) -> None:
        shape = EyeShape(geometry, eye, patch.shape)
        self._box = shape.box
        self._is_open = _is_open(shape, patch, geometry.points[eye.iris, :2])
        if not self._is_open:
            return
        self._lids = Lids(shape, patch)
        fields = np.stack([*gaze_fields(shape, geometry.points[eye.iris, :2]), self._lids.lower_lid_field()])
        to_picture = np.stack([shape.across, shape.down]).astype(np.float32)
        self._fields = np.einsum("nahw,ab->nbhw", fields * self._lids.movable, to_picture)

    def move(self, pixel_map: PixelMap, expression: Expression) -> None:
        """Change where the eye's pixels come from."""
        rise = expression.blink + expression.squint
        amounts = np.array([expression.gaze_x, expression.gaze_y, rise], np.float32)
        if not self._is_open or not amounts.any():
            return
        shift = np.tensordot(amounts, self._fields, axes=1)
        pixel_map.x[self._box] += shift[0]
        pixel_map.y[self._box] += shift[1]

    def paint(self, patch: Image, expression: Expression) -> None:
        """Draw the upper lid where it covers the eye."""
        if self._is_open:
            self._lids.paint(patch, expression.blink)


def _is_open(shape: EyeShape, picture: Image, iris: Vectors) -> bool:
    """Whether a dark iris and a lighter white show between the lids."""
    if shape.height < MIN_OPENING * shape.width:
        return False
    grey = cv2.cvtColor(picture[shape.box], cv2.COLOR_RGB2GRAY).astype(np.float32)
    centre, *rim = shape.to_eye(iris)
    radius = np.mean([np.linalg.norm(place - centre) for place in rim])
    from_iris = np.hypot(shape.x - centre[0], shape.y - centre[1]) / radius
    margin = 0.12 * shape.height
    between = (shape.y > shape.upper + margin) & (shape.y < shape.lower - margin / 2)
    dark, light = (_quantile(grey[between & part], q) for part, q in ((from_iris < 0.9, 0.35), (from_iris > 1.1, 0.70)))
    return light - dark > MIN_CONTRAST * (light + dark)


def _quantile(values: Floats, q: float) -> float:
    return float(np.quantile(values, q)) if values.size else 0.0
