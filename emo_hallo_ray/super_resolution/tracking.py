"""One face through consecutive frames: the largest at first, and from then on the same one.

A face costs one pass of the mesh per frame; the detector runs only while there is no face to follow.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from emo_hallo_ray.engines.base import Arrays
from emo_hallo_ray.faces.detector import Face, FaceDetector
from emo_hallo_ray.faces.mesh import FaceMesh
from emo_hallo_ray.faces.selection import MIN_FACE_PX, MIN_PRESENCE
from emo_hallo_ray.super_resolution.alignment import AlignedFace, Image
from emo_hallo_ray.super_resolution.placement import Placement

FADE_FRAMES = 8  # in which a restoration comes or goes
SEARCH_EVERY_FRAMES = 4  # while there is no face
# of a placement in a frame, a crop's width in half a second; more is a mistake. Measured: the mesh is sure of a face
# blurred by a third of its width, and sees it up to 12 % larger
MAX_MOVE = 0.08


@dataclass(frozen=True)
class FaceTrack:
    """All that following a face needs to know about the frames so far.

    Attributes:
        placement: where the face was when last seen; None before it was ever seen.
        strength: 0…1, of the restoration.
        n_missed: frames since it was last seen; 0 where the latest frame shows it.
    """

    placement: Placement | None
    strength: float
    n_missed: int

    @property
    def face(self) -> AlignedFace | None:
        """To restore in the latest frame; None where nothing is to be done."""
        if self.placement is None or self.strength == 0:
            return None
        return self.placement.face(self.strength)

    def to_arrays(self) -> Arrays:
        """For a checkpoint; what `from_arrays` makes of it goes on with identical results."""
        arrays = {"strength": np.array([self.strength]), "n_missed": np.array([self.n_missed])}
        if self.placement is None:
            return arrays
        return arrays | {
            "pose": self.placement.pose,
            "speed": self.placement.speed,
            "hull": self.placement.hull,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """What `to_arrays` saved."""
        pose, speed, hull = (arrays.get(name) for name in ("pose", "speed", "hull"))
        placement = None
        if pose is not None and speed is not None and hull is not None:
            placement = Placement(*(np.asarray(array, np.float64) for array in (pose, speed, hull)))
        return cls(placement, float(arrays["strength"][0]), int(arrays["n_missed"][0]))


class FaceTracker:
    """Owns the models and nothing else: the state is in the `FaceTrack` that goes in and comes out."""

    def __init__(self) -> None:
        self._detector, self._mesh = FaceDetector(), FaceMesh()

    def follow(self, frame: Image, before: FaceTrack | None) -> FaceTrack:
        """Look at the next frame.

        Args:
            before: what the frame before left; None at the start of the video.
        """
        if before is None:
            placement = self._search(frame, None)
            # the first frame has none before it to jump from
            return FaceTrack(placement, 0.0, 1) if placement is None else FaceTrack(placement, 1.0, 0)
        placement = self._see(frame, before)
        if placement is None:
            return FaceTrack(before.placement, max(0.0, before.strength - 1 / FADE_FRAMES), before.n_missed + 1)
        return FaceTrack(placement, min(1.0, before.strength + 1 / FADE_FRAMES), 0)

    def _see(self, frame: Image, before: FaceTrack) -> Placement | None:
        if before.placement is not None and before.strength > 0:
            # until it has faded, a lost face is looked for in its place only: elsewhere it would jump
            return self._see_again(frame, before.placement)
        return self._search(frame, before.placement) if before.n_missed % SEARCH_EVERY_FRAMES == 0 else None

    def _see_again(self, frame: Image, last: Placement) -> Placement | None:
        points, presence = self._mesh.measure_region(frame, last.region())
        if presence < MIN_PRESENCE:
            return None
        measured = Placement.measured(points)
        return last.drawn_to(measured) if np.linalg.norm(last.move_to(measured)) <= MAX_MOVE else None

    def _search(self, frame: Image, last: Placement | None) -> Placement | None:
        """The face where it was last, or else the largest."""
        faces = [face for face in self._detector.detect_faces(frame, small=False) if face.width >= MIN_FACE_PX]
        if last is not None:
            faces.sort(key=lambda face: not _is_near(face, last))
        for face in faces:
            points, presence = self._mesh.measure(frame, face)
            if presence >= MIN_PRESENCE:
                return Placement.measured(points)
        return None


def _is_near(face: Face, last: Placement) -> bool:
    centre = (face.box[:2] + face.box[2:]) / 2
    return bool(np.linalg.norm(centre - last.centre) < last.side / 2)
