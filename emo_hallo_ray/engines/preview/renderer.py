"""One portrait, ready to make frames: warp the face, paint eyes and mouth, move the head."""

from threading import local

import cv2
import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.eyes.eye import Eye
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.face.shading import SHADES, FaceShading, filled_folds
from emo_hallo_ray.engines.preview.face.tones import is_grey
from emo_hallo_ray.engines.preview.face.warp import FaceWarp, cell_px
from emo_hallo_ray.engines.preview.head.motion import HeadMotion
from emo_hallo_ray.engines.preview.mouth.interior import MouthInterior
from emo_hallo_ray.engines.preview.portrait import Portrait
from emo_hallo_ray.faces.landmarks import EYES, OVAL

# the patch that expressions can reach, beyond the face oval, as shares of its height
PATCH_SIDES, PATCH_ABOVE, PATCH_BELOW = 0.16, 0.08, 0.32
SOFTNESS = 0.4  # blur of what is painted, in pixels of the picture that the portrait was cut from


class Renderer:
    """Draws a portrait with any expression. Making one takes about half a second."""

    def __init__(self, portrait: Portrait) -> None:
        geometry = FaceGeometry(portrait.points.astype(np.float64))
        self._patch = _face_patch(geometry, portrait.image.shape[:2])
        self._still = np.ascontiguousarray(portrait.image[self._patch])
        self._head = HeadMotion(geometry, portrait.image, self._patch, portrait.frame_px)
        # the least of each pixel and its neighbours: the frame is sampled between pixels of the picture
        sure = cv2.erode(self._head.share, np.ones((3, 3)))
        in_picture = cv2.resize(sure, portrait.image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        share = np.ascontiguousarray(in_picture[self._patch])
        in_patch = geometry.moved(-self._patch[1].start, -self._patch[0].start)
        grey = is_grey(portrait.image)
        self._warp = FaceWarp(in_patch, share)
        self._shading = FaceShading(in_patch, share)
        # only a smile that shows teeth is ever taken back
        less_smiling = filled_folds(in_patch, self._still, share) if in_patch.is_mouth_open else [self._still]
        # with a fourth channel, pixels are moved in half the time
        self._less_smiling = [cv2.cvtColor(still, cv2.COLOR_RGB2RGBA) for still in less_smiling]
        self._portrait = cv2.cvtColor(portrait.image, cv2.COLOR_RGB2RGBA)
        self._of_thread = local()
        self.frame_shape = (portrait.frame_px, portrait.frame_px, 3)
        self._eyes = [Eye(in_patch, eye, self._still) for eye in EYES]
        self._mouth = MouthInterior(in_patch, self._still, grey, softness_px=SOFTNESS * portrait.enlargement)

    @property
    def reach(self) -> NDArray[np.bool_]:
        """(S, S), True where a frame can differ from the portrait: on the head and close around it."""
        reach: NDArray[np.bool_] = self._head.share > 0
        return reach

    def render(self, expression: Expression) -> Image:
        """(S, S, 3) RGB, S being the portrait's `frame_px`."""
        picture = self._picture()
        picture[self._patch] = self._render_face(expression)
        return self._head.render(picture, expression)

    def _picture(self) -> Image:
        """The portrait, to be drawn over: a copy for each thread costs less than one for each frame."""
        if not hasattr(self._of_thread, "picture"):
            self._of_thread.picture = self._portrait.copy()
        picture: Image = self._of_thread.picture
        return picture

    def _render_face(self, expression: Expression) -> Image:
        """(H, W, 4) RGBA of the patch."""
        lips = self._warp.lips(expression)
        pixel_map = self._warp.pixel_map(expression, lips)
        for eye in self._eyes:
            eye.move(pixel_map, expression)
        face = pixel_map.read(self._less_smiling[round(expression.settle * (len(self._less_smiling) - 1))])
        movements = self._warp.movements(expression)
        self._shading.apply(face, np.array([movements[name] for name in SHADES], np.float32))
        for eye in self._eyes:
            eye.paint(face[..., :3], expression)
        self._mouth.paint(face[..., :3], lips, expression)
        return face


def _face_patch(geometry: FaceGeometry, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns around the face, whole grid cells, inside the picture."""
    cell = cell_px(geometry)
    oval = geometry.points[OVAL, :2]
    low, high = oval.min(axis=0), oval.max(axis=0)
    size = high[1] - low[1]
    left, top = np.maximum(low - np.array([PATCH_SIDES, PATCH_ABOVE]) * size, 0).astype(int)
    right, bottom = np.minimum(high + np.array([PATCH_SIDES, PATCH_BELOW]) * size, (shape[1], shape[0])).astype(int)
    height, width = (int(length) // cell * cell for length in (bottom - top, right - left))
    return slice(int(top), int(top) + height), slice(int(left), int(left) + width)
