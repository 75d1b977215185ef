"""Which face of a picture is the portrait, and can it be animated?"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from emo_hallo_ray.errors import FaceTooSmall, NoFaceFound
from emo_hallo_ray.faces.detector import Face, FaceDetector, Image
from emo_hallo_ray.faces.landmarks import FEATURES, LEFT_SIDE, N_MESH_POINTS, RIGHT_SIDE
from emo_hallo_ray.faces.mesh import FaceMesh, Points, region_of_points

MIN_FACE_PX = 40
SMALL_FACE_PX = 80
MAX_ASPECT = 32  # a narrower strip vanishes when it is reduced to the detector's size
MIN_PRESENCE = 0.5
# of the face's width, between the points of the two landmark models. Measured: photographs, paintings and statues up to
# 0.032; round things with spots, which the detector and the presence model take for faces, 0.07 in the median
MAX_DISAGREEMENT = 0.045
TURNED_DEG = 30


@dataclass(frozen=True)
class MainFace:
    """The face to animate.

    Attributes:
        points: (478, 3) mesh points in image pixels.
        remarks: what may spoil the result, in words for the owner of the picture.
    """

    face: Face
    points: Points
    remarks: tuple[str, ...]


def find_main_face(image: Image) -> MainFace:
    """The largest face of a picture.

    Args:
        image: (H, W, 3) uint8 RGB, upright.

    Raises:
        NoFaceFound: there is none.
        FaceTooSmall: even the largest is.
    """
    height_px, width_px = image.shape[:2]
    if max(height_px, width_px) > MAX_ASPECT * min(height_px, width_px):
        raise NoFaceFound(hint=f"the picture is a strip of {width_px}×{height_px} pixels")
    faces = _confirmed_faces(image)
    if not faces:
        raise NoFaceFound(hint="use a picture with one face that is upright, well lit and turned to the camera")
    face, points = faces[0]
    if face.width < MIN_FACE_PX:
        raise FaceTooSmall(
            f"The largest face is {face.width:.0f} pixels wide, at least {MIN_FACE_PX} are needed",
            "use a larger picture, or one taken from closer",
        )
    return MainFace(face, points, tuple(_remarks(image, len(faces), face, points)))


def _confirmed_faces(image: Image) -> list[tuple[Face, Points]]:
    """Detections that the mesh takes for faces too, the largest first."""
    detector, mesh = _models()
    measured = [(face, *mesh.measure(image, face)) for face in detector.detect_faces(image)]
    return [
        (face, points)
        for face, points, presence in measured
        if presence >= MIN_PRESENCE and _disagreement(mesh, image, points) <= MAX_DISAGREEMENT
    ]


def _disagreement(mesh: FaceMesh, image: Image, points: Points) -> float:
    """How far the older landmark model sees the points elsewhere: where there is no face, each invents its own."""
    plain = mesh.measure_plainly(image, region_of_points(points))
    distances = np.linalg.norm(plain[:, :2] - points[:N_MESH_POINTS, :2], axis=1)
    width = np.linalg.norm(points[RIGHT_SIDE, :2] - points[LEFT_SIDE, :2])
    return float(distances.mean() / width)


@cache
def _models() -> tuple[FaceDetector, FaceMesh]:
    return FaceDetector(), FaceMesh()


def turned_deg(points: Points) -> float:
    """How far a face is turned to either side, in degrees; 90 is a profile."""
    across = points[RIGHT_SIDE] - points[LEFT_SIDE]
    return float(np.degrees(np.arctan2(abs(across[2]), np.hypot(across[0], across[1]))))


def _remarks(image: Image, n_faces: int, face: Face, points: Points) -> list[str]:
    remarks = []
    if n_faces > 1:
        remarks.append(f"{n_faces} faces in the picture, the largest is animated")
    if face.width < SMALL_FACE_PX:
        remarks.append(f"the face is {face.width:.0f} pixels wide; from {SMALL_FACE_PX} on the result looks sharp")
    if (angle := turned_deg(points)) > TURNED_DEG:
        remarks.append(f"the face is turned by about {angle:.0f} degrees; one that looks at the camera moves better")
    height, width = image.shape[:2]
    features = points[FEATURES, :2]
    if np.any(features < 0) or np.any(features > (width - 1, height - 1)):
        remarks.append("the picture's edge cuts through the face; one with some room around it looks better")
    return remarks
