"""The original's face detector: InsightFace's SCRFD with five points per face, `scrfd_10g_bnkps.onnx`.

The package insightface would run it too. It asks for opencv-python, whose files overwrite those of the headless build
that servers need, and for scikit-image, requests and onnx, all imported at once.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.faces.released_model import Floats, ReleasedModel

INPUT_PX = 640
STRIDES_PX = (8, 16, 32)
ANCHORS_PER_CELL = 2
WIDTHS = (1, 4, 10)  # of the outputs: all scores come first, then all boxes, then all points, each by stride
MEAN, SCALE = 127.5, 128.0
MIN_SCORE, SAME_FACE_IOU = 0.5, 0.4

Image = NDArray[np.uint8]  # (H, W, 3) RGB


@dataclass(frozen=True)
class FoundFace:
    """In image pixels.

    Attributes:
        box: left, top, right, bottom.
        keypoints: (5, 2) x and y: both eyes, nose tip, both mouth corners; of each pair first the image's left.
        score: 0…1.
    """

    box: Floats
    keypoints: Floats
    score: float

    @property
    def area(self) -> float:
        """Of the box."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))


class Scrfd:
    """The opened detector."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            UnusableModelFile: it is missing, damaged or another model.
        """
        self._model = ReleasedModel(path, "face detector", INPUT_PX)

    def find_faces(self, image: Image) -> list[FoundFace]:
        """Every face of a picture, the largest first.

        Raises:
            UnusableModelFile: the model does not describe faces.
        """
        pixels, scale = _letterbox(image)
        outputs = self._model.run(((pixels.astype(np.float32) - MEAN) / SCALE).transpose(2, 0, 1)[None])
        self._check(outputs)
        levels = [_decode(stride, *outputs[level :: len(STRIDES_PX)]) for level, stride in enumerate(STRIDES_PX)]
        rows = np.concatenate(levels)
        rows = rows[rows[:, 0] >= MIN_SCORE]
        faces = [FoundFace(row[1:5] / scale, row[5:].reshape(5, 2) / scale, float(row[0])) for row in _distinct(rows)]
        return sorted(faces, key=lambda face: face.area, reverse=True)

    def _check(self, outputs: list[Floats]) -> None:
        wanted = [(len(_centres(stride)), width) for width in WIDTHS for stride in STRIDES_PX]
        seen = [output.shape for output in outputs]
        # some exports have a leading axis for the batch
        if [shape[-2:] for shape in seen] != wanted or any(int(np.prod(shape[:-2])) != 1 for shape in seen):
            raise self._model.unusable(f"it should make {wanted}, and makes {seen}")


def _letterbox(image: Image) -> tuple[Image, np.float32]:
    """The picture in the upper left of the input, black beyond it, and input pixels per image pixel."""
    height, width = image.shape[:2]
    scale = INPUT_PX / max(height, width)
    rows, columns = (max(1, int(side * scale)) for side in (height, width))
    boxed = np.zeros((INPUT_PX, INPUT_PX, 3), np.uint8)
    boxed[:rows, :columns] = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return boxed, np.float32(rows / height)


def _decode(stride_px: int, scores: Floats, reaches: Floats, offsets: Floats) -> Floats:
    """Rows of score, box and points in input pixels, (N, 1 + 4 + 10).

    Args:
        reaches: from an anchor's centre to the box's left, top, right and bottom, in strides.
        offsets: from there to the points.
    """
    centres = _centres(stride_px)[:, None]
    to_box = reaches.reshape(-1, 2, 2) * np.array([[-1], [1]], np.float32)
    places = centres + np.concatenate([to_box, offsets.reshape(-1, 5, 2)], axis=1) * np.float32(stride_px)
    return np.concatenate([scores.reshape(-1, 1), places.reshape(-1, 14)], axis=1)


def _centres(stride_px: int) -> Floats:
    """(N, 2) x and y, row by row; a cell's upper left corner is its centre, as in training."""
    n_cells = INPUT_PX // stride_px
    y, x = np.mgrid[:n_cells, :n_cells] * stride_px
    cells = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32)
    return cells.repeat(ANCHORS_PER_CELL, axis=0)


def _distinct(rows: Floats) -> Floats:
    """One row per face, the surest."""
    sizes = rows[:, 3:5] - rows[:, 1:3]
    boxes = np.concatenate([rows[:, 1:3], sizes], axis=1)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), rows[:, 0].tolist(), 0.0, SAME_FACE_IOU)
    return rows[np.asarray(kept, np.intp)]
