"""Where are the faces? MediaPipe's short-range detector, looking at the whole picture first and closer if need be.

Decoding follows `assets/NOTICE.md`, "Detector".
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.faces.models import open_model

INPUT_PX = 128
MIN_SCORE = 0.5
SAME_FACE_IOU = 0.3
# for faces too large for the frame (they want a margin), then too small for 128 pixels
MARGINS = (1.5, 2.0)
TILES_PER_SIDE = (2, 4)

Image = NDArray[np.uint8]  # (H, W, 3) RGB
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Face:
    """A detected face, in image pixels.

    Attributes:
        box: left, top, right, bottom; about brows to chin, ear to ear.
        keypoints: (6, 2) x and y of the eye on the image's left, the other eye, nose tip, mouth centre, and both ears.
        score: 0..1.
    """

    box: Floats
    keypoints: Floats
    score: float

    @property
    def width(self) -> float:
        """In pixels."""
        return float(self.box[2] - self.box[0])

    @property
    def height(self) -> float:
        """In pixels."""
        return float(self.box[3] - self.box[1])


@dataclass(frozen=True)
class _View:
    """A square of the picture, which may reach beyond its borders."""

    left: float
    top: float
    side: float


class FaceDetector:
    """Finds faces in pictures of any size."""

    def __init__(self) -> None:
        self._model = open_model("face_detection_short_range")

    def detect_faces(self, image: Image, small: bool = True) -> list[Face]:
        """Every face of the first look that finds any, the largest first.

        Args:
            small: where the whole picture shows none, also look for faces below an eighth of its width, which takes 20
                times as long.
        """
        height, width = image.shape[:2]
        for views in _looks(width, height, TILES_PER_SIDE if small else ()):
            rows = np.concatenate([self._detect(image, view) for view in views])
            if len(rows):
                return sorted(_merge(rows), key=lambda face: face.width * face.height, reverse=True)
        return []

    def _detect(self, image: Image, view: _View) -> Floats:
        """Rows of score, box and keypoints in image pixels, (N, 1 + 4 + 12)."""
        pixels = _letterbox(image, view).astype(np.float32) / 127.5 - 1
        regressors, logits = self._model.run(["regressors", "classificators"], {"input": pixels[None]})
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0], -80, 80)))
        found = scores >= MIN_SCORE
        raw = regressors[0, found].reshape(-1, 8, 2) / INPUT_PX  # centre, size, 6 keypoints
        anchors = ANCHORS[found][:, None]
        centre, size, keypoints = raw[:, :1] + anchors, raw[:, 1:2], raw[:, 2:] + anchors
        points = np.concatenate([centre - size / 2, centre + size / 2, keypoints], axis=1)
        points = points * view.side + (view.left, view.top)
        return np.concatenate([scores[found, None], points.reshape(-1, 16)], axis=1).astype(np.float32)


def _anchors() -> Floats:
    """Centres of the 896 cells that the detector reports on, as fractions of its input."""
    grids = []
    for n_cells, per_cell in ((16, 2), (8, 6)):
        y, x = np.mgrid[:n_cells, :n_cells]
        centres = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / n_cells
        grids.append(centres.repeat(per_cell, axis=0))
    return np.concatenate(grids).astype(np.float32)


ANCHORS = _anchors()


def _looks(width: int, height: int, tiles_per_side: tuple[int, ...]) -> Iterator[list[_View]]:
    """Ways to look at a picture, the likeliest first."""
    longest = max(width, height)
    for scale in (1.0, *MARGINS):
        side = longest * scale
        yield [_View((width - side) / 2, (height - side) / 2, side)]
    for n_tiles in tiles_per_side:
        side = longest / n_tiles
        yield [_View(left, top, side) for top in _tile_starts(height, side) for left in _tile_starts(width, side)]


def _tile_starts(length: int, side: float) -> NDArray[np.float64]:
    """Starts of tiles that cover a length and overlap by half."""
    n_steps = max(0, int(np.ceil((length - side) / (side / 2))))
    return np.linspace(0, max(0.0, length - side), n_steps + 1)


def _letterbox(image: Image, view: _View) -> Image:
    """The view in the detector's size, black beyond the picture."""
    image, view = _cut(image, view)
    scale = INPUT_PX / view.side
    shrink = min(1.0, 2 * scale)  # a warp reads four pixels only, so large pictures are averaged down first
    if shrink < 1:
        image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        scale /= shrink
    shift = (scale - 1) / 2  # pixel centres
    left, top = view.left * shrink * scale, view.top * shrink * scale
    matrix = np.array([[scale, 0, shift - left], [0, scale, shift - top]])
    letterboxed: Image = cv2.warpAffine(image, matrix, (INPUT_PX, INPUT_PX), flags=cv2.INTER_LINEAR)
    return letterboxed


def _cut(image: Image, view: _View) -> tuple[Image, _View]:
    """The part of the picture that a view can see, and the view in its coordinates."""
    left, top = max(0, int(view.left)), max(0, int(view.top))
    right, bottom = int(view.left + view.side) + 2, int(view.top + view.side) + 2
    return image[top:bottom, left:right], _View(view.left - left, view.top - top, view.side)


def _merge(rows: Floats) -> list[Face]:
    """Average rows that mean the same face, weighted by score."""
    rows = rows[np.argsort(-rows[:, 0], kind="stable")]
    faces = []
    while len(rows):
        same = _iou(rows[0, 1:5], rows[:, 1:5]) > SAME_FACE_IOU
        same[0] = True
        values = np.average(rows[same, 1:], axis=0, weights=rows[same, 0])
        faces.append(Face(values[:4], values[4:].reshape(6, 2), float(rows[0, 0])))
        rows = rows[~same]
    return faces


def _iou(box: Floats, boxes: Floats) -> Floats:
    overlap = np.clip(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0, None).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    union = areas + (box[2:] - box[:2]).prod() - overlap
    iou: Floats = overlap / np.maximum(union, 1e-9)
    return iou
