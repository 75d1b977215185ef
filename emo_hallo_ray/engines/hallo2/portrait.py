"""The Hallo2 engine's `PortraitPreparer`: a square picture, who is in it, and where face and lips are."""

from pathlib import Path

import numpy as np

from emo_hallo_ray.engines.base import Arrays, Image
from emo_hallo_ray.faces.crop import PortraitCrop, crop_portrait
from emo_hallo_ray.faces.identity import IdentityModel
from emo_hallo_ray.faces.keypoints import mesh_keypoints
from emo_hallo_ray.faces.landmarks import FEATURES, OVAL
from emo_hallo_ray.faces.mesh import FaceMesh, Points
from emo_hallo_ray.faces.regions import FACE_EXPANSION, attention_levels, face_box, lip_box, resize, separate
from emo_hallo_ray.faces.released_model import Floats
from emo_hallo_ray.faces.scrfd import Scrfd
from emo_hallo_ray.faces.selection import find_main_face
from emo_hallo_ray.faces.steady import measure_steadily
from emo_hallo_ray.weights.layout import WeightsLayout

# The original wants heads to take 50–70 % of a square picture. From chin to hairline, which is what the mesh measures,
# that is about four fifths of a head.
MIN_FACE_SHARE = 0.4
MAX_FACE_SHARE = 1 / FACE_EXPANSION  # from there on the face's region has no background around it
MAX_STRETCH = 1.02  # of a picture's longer side over the shorter: cutting off the rest is not seen
MAX_MADE_UP_SHARE = 0.05  # of the frame, beyond the picture's edge; more is visible
MAX_DISTANCE = 0.3  # between SCRFD's points and the mesh's, of the latter's extent: further off is another face


class Hallo2PortraitPreparer:
    """Finds, frames and describes the face."""

    def __init__(self, layout: WeightsLayout, frame_px: int = 512) -> None:
        """Cheap: models are opened for each portrait and closed after it.

        That costs a second per video, and keeping the largest would cost 260 MB.
        """
        self._identity_file = layout.face_identity
        self._detector_file = layout.face_detector if layout.face_detector.is_file() else None
        self._frame_px = frame_px
        detector = f"scrfd-{_size(self._detector_file)}" if self._detector_file else "mesh"
        self.version = f"1-{frame_px}-{detector}-identity-{_size(self._identity_file)}"

    def prepare(self, image: Image) -> tuple[Arrays, list[str]]:
        """Return what the generator reads, and what may spoil the result.

        The arrays, with S for the frame's side: `pixels` (S, S, 3) uint8 RGB, `identity` (512,) float32,
        `face_region` (S, S) uint8, and for the levels k = 0…3 `full_mask.k`, `face_mask.k` and `lip_mask.k`,
        (1, (S / 8 / 2^k)²) float32 in 0…1.

        Raises:
            NoFaceFound, FaceTooSmall: the picture cannot be animated.
            UnusableModelFile: a face model is missing, damaged or another one.
        """
        face = find_main_face(image)
        steady = measure_steadily(FaceMesh(), image, face.points)
        frame = choose_frame(image, steady.points)
        square, points = frame.cut(image, frame.side), frame.map_points(steady.points, frame.side)
        identity = IdentityModel(self._identity_file).embed(square, self._keypoints(square, points))
        warnings = list(face.remarks)
        if _made_up_share(frame, image) > MAX_MADE_UP_SHARE:
            warnings.append("the picture ends close to the face; one with some room around the head looks better")
        if not steady.is_mouth_visible:
            warnings.append("the mouth seems to be covered or hard to make out; one in full view moves better")
        pixels = resize(square, self._frame_px, self._frame_px)
        return {"pixels": pixels, "identity": identity, **self._regions(frame.side, points)}, warnings

    def _keypoints(self, square: Image, points: Points) -> Floats:
        """SCRFD's five points where it sees the same face, else the mesh's.

        The face was chosen before, and its mesh accepted at the upload: one face for regions and identity.
        """
        ours = mesh_keypoints(points)
        if self._detector_file is None:
            return ours
        reach = MAX_DISTANCE * float(np.linalg.norm(np.ptp(ours, axis=0)))
        candidates = [face.keypoints for face in Scrfd(self._detector_file).find_faces(square)]
        distances = [float(np.linalg.norm(keypoints - ours, axis=1).mean()) for keypoints in candidates]
        if not distances or min(distances) > reach:
            return ours
        return candidates[int(np.argmin(distances))]

    def _regions(self, side_px: int, points: Points) -> Arrays:
        face, lip = (box(points, side_px, side_px).fill(side_px, side_px) for box in (face_box, lip_box))
        regions = separate(face, lip)
        masks = {"full_mask": regions.full, "face_mask": regions.face, "lip_mask": regions.lip}
        return {
            "face_region": resize(face, self._frame_px, self._frame_px),
            **{
                f"{name}.{level}": tokens
                for name, mask in masks.items()
                for level, tokens in enumerate(attention_levels(mask, self._frame_px))
            },
        }


def choose_frame(image: Image, points: Points) -> PortraitCrop:
    """The whole picture if it is a portrait as Hallo2 knows them, else a square around the face.

    The original squeezes every picture into a square, whatever its shape. Here no face is ever squeezed.
    """
    height, width = image.shape[:2]
    side = min(height, width)
    whole = PortraitCrop((width - side) // 2, (height - side) // 2, side)
    share = float(np.ptp(points[OVAL, :2], axis=0).max()) / side
    features = points[FEATURES, :2] - (whole.left, whole.top)
    shows_the_face = bool(np.all((features >= 0) & (features < side)))
    is_square = max(height, width) <= MAX_STRETCH * side
    if is_square and shows_the_face and MIN_FACE_SHARE <= share <= MAX_FACE_SHARE:
        return whole
    return crop_portrait(image, points)


def _made_up_share(frame: PortraitCrop, image: Image) -> float:
    """How much of the frame's width or height, at one edge, lies beyond the picture."""
    height, width = image.shape[:2]
    beyond = max(-frame.left, -frame.top, frame.left + frame.side - width, frame.top + frame.side - height)
    return beyond / frame.side


def _size(path: Path) -> int:
    """In bytes, 0 for what is not there."""
    return path.stat().st_size if path.is_file() else 0
