"""One portrait, ready to make frames: warp the face, paint eyes and mouth, move the head."""

import numpy as np

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.eyes import Eye
from emo_hallo_ray.engines.preview.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.head import HeadMotion
from emo_hallo_ray.engines.preview.mouth import MouthInterior
from emo_hallo_ray.engines.preview.portrait import FRAME_PX, Portrait
from emo_hallo_ray.engines.preview.tones import is_grey
from emo_hallo_ray.engines.preview.warp import CELL_PX, FaceWarp
from emo_hallo_ray.faces.landmarks import EYES, OVAL

# the patch that expressions can reach, beyond the face oval, as shares of its height
PATCH_SIDES, PATCH_ABOVE, PATCH_BELOW = 0.16, 0.08, 0.32


class Renderer:
    """Draws a portrait with any expression. Making one takes about half a second."""

    def __init__(self, portrait: Portrait) -> None:
        self._image = portrait.image
        geometry = FaceGeometry(portrait.points.astype(np.float64))
        self._patch = _face_patch(geometry, portrait.image.shape[:2])
        self._still = np.ascontiguousarray(portrait.image[self._patch])
        height, width = self._still.shape[:2]
        in_patch = geometry.moved(-self._patch[1].start, -self._patch[0].start)
        grey = is_grey(portrait.image)
        self._warp = FaceWarp(in_patch, height, width)
        self._eyes = [Eye(in_patch, eye, self._still, grey) for eye in EYES]
        self._mouth = MouthInterior(in_patch, self._still, grey)
        self._head = HeadMotion(geometry, portrait.image.shape[0], FRAME_PX)

    def render(self, expression: Expression) -> Image:
        """(512, 512, 3) RGB."""
        picture = self._image.copy()
        picture[self._patch] = self._render_face(expression)
        return self._head.render(picture, expression)

    def _render_face(self, expression: Expression) -> Image:
        lips = self._warp.lips(expression)
        pixel_map = self._warp.pixel_map(expression, lips)
        for eye in self._eyes:
            eye.move(pixel_map, expression)
        face = pixel_map.read(self._still)
        for eye in self._eyes:
            eye.paint(face, expression)
        self._mouth.paint(face, lips, expression)
        return face


def _face_patch(geometry: FaceGeometry, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns around the face, whole grid cells, inside the picture."""
    oval = geometry.points[OVAL, :2]
    low, high = oval.min(axis=0), oval.max(axis=0)
    size = high[1] - low[1]
    left, top = np.maximum(low - np.array([PATCH_SIDES, PATCH_ABOVE]) * size, 0).astype(int)
    right, bottom = np.minimum(high + np.array([PATCH_SIDES, PATCH_BELOW]) * size, (shape[1], shape[0])).astype(int)
    height, width = (int(length) // CELL_PX * CELL_PX for length in (bottom - top, right - left))
    return slice(int(top), int(top) + height), slice(int(left), int(left) + width)
