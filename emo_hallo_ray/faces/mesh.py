"""The face mesh: 478 points on one face, from MediaPipe's landmark models.

Regions and crops follow `assets/NOTICE.md`, "ROI for the landmark models": one affine map serves pixels and points.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.faces.detector import Face, Image
from emo_hallo_ray.faces.landmarks import (
    LEFT_EYE_OUTER,
    N_MESH_POINTS,
    RIGHT_EYE_OUTER,
)
from emo_hallo_ray.faces.models import open_model

INPUT_PX = 192
REGION_SCALE = 1.5  # region side over face size

Points = NDArray[np.float32]  # (478, 3) x, y, z in image pixels; smaller z is nearer


@dataclass(frozen=True)
class Region:
    """A square around a face, in image pixels, turned by `rotation` radians so that its eyes are level."""

    centre_x: float
    centre_y: float
    side: float
    rotation: float

    def moved(self, dx: float, dy: float, scale: float) -> "Region":
        """Shifted by shares of its side, then scaled."""
        return replace(
            self,
            centre_x=self.centre_x + dx * self.side,
            centre_y=self.centre_y + dy * self.side,
            side=self.side * scale,
        )

    def to_image(self) -> NDArray[np.float64]:
        """(2, 3) affine map from the model's input pixels to image pixels."""
        scale = self.side / INPUT_PX
        cos, sin = scale * np.cos(self.rotation), scale * np.sin(self.rotation)
        half = INPUT_PX / 2
        return np.array(
            [
                [cos, -sin, self.centre_x - (cos - sin) * half],
                [sin, cos, self.centre_y - (sin + cos) * half],
            ]
        )


class FaceMesh:
    """Measures a face that was found."""

    def __init__(self) -> None:
        self._attention = open_model("face_landmark_with_attention")  # refined lips, lids and irises
        self._plain = open_model("face_landmark")

    def measure(self, image: Image, face: Face) -> tuple[Points, float]:
        """Points of a face and the probability that it is one, by two passes: the first finds the region."""
        points, _ = self.measure_region(image, _region_of_face(face))
        return self.measure_region(image, region_of_points(points))

    def measure_region(self, image: Image, region: Region) -> tuple[Points, float]:
        """Points of the face in a region and the probability that there is one."""
        pixels = _cut(image, region)
        landmarks, flag = self._attention.run(["landmarks", "face_flag"], {"input": pixels})
        return _to_image(landmarks[0], region), float(1 / (1 + np.exp(-flag[0, 0])))

    def measure_plainly(self, image: Image, region: Region) -> Points:
        """The first 468 points by the older model: coarser, but it is never fooled by teeth."""
        landmarks = self._plain.run(["landmarks"], {"input": _cut(image, region)})[0]
        return _to_image(landmarks[0], region)


def region_of_points(points: Points) -> Region:
    """The region around a face that was measured before."""
    low, high = points[:N_MESH_POINTS, :2].min(axis=0), points[:N_MESH_POINTS, :2].max(axis=0)
    centre = (low + high) / 2
    side = REGION_SCALE * float((high - low).max())
    return Region(
        float(centre[0]), float(centre[1]), side, _angle(points[LEFT_EYE_OUTER, :2], points[RIGHT_EYE_OUTER, :2])
    )


def _region_of_face(face: Face) -> Region:
    centre = (face.box[:2] + face.box[2:]) / 2
    side = REGION_SCALE * max(face.width, face.height)
    return Region(float(centre[0]), float(centre[1]), side, _angle(face.keypoints[0], face.keypoints[1]))


def _angle(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    return float(np.arctan2(right[1] - left[1], right[0] - left[0]))


def _cut(image: Image, region: Region) -> NDArray[np.float32]:
    to_image = region.to_image()
    shrink = min(1.0, 2 * INPUT_PX / region.side)  # averaged down first, see the detector's letterbox
    if shrink < 1:
        image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        to_image = to_image * shrink
        to_image[:, 2] += (shrink - 1) / 2
    pixels = cv2.warpAffine(
        image,
        to_image,
        (INPUT_PX, INPUT_PX),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    batch: NDArray[np.float32] = pixels[None].astype(np.float32) / 255
    return batch


def _to_image(landmarks: NDArray[np.float32], region: Region) -> Points:
    to_image = region.to_image()
    points = landmarks * np.float32(region.side / INPUT_PX)
    points[:, :2] = landmarks[:, :2] @ to_image[:, :2].T + to_image[:, 2]
    return points
