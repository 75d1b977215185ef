"""Where a face is in a video, followed smoothly.

The mesh trembles by a fraction of a pixel even on a still picture, and a trembling crop makes a restorer invent
different skin in every frame. The filter is the 1€ filter's idea (Casiez et al. 2012): still things are averaged over
many frames, fast ones over few, so that neither trembling nor lag shows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.faces.landmarks import OVAL
from emo_hallo_ray.faces.mesh import REGION_SCALE, Region
from emo_hallo_ray.super_resolution.alignment import CROP_PX, AlignedFace, Floats, aligning_matrix

STILL_GAIN = 0.12  # share of a new measurement that is taken over when nothing moves
GAIN_PER_SPEED = 60.0  # more for every crop width (or e-fold, or radian) that the face moves in a frame
SPEED_GAIN = 0.4
HULL_GAIN = 0.3
CENTRE = (CROP_PX - 1) / 2 * (1 + 1j)  # of the crop


@dataclass(frozen=True)
class Placement:
    """The square of a frame that becomes the crop.

    Attributes:
        pose: (4,) x and y of its centre in frame pixels, the logarithm of its side in frame pixels, and the angle in
            radians by which it is turned.
        speed: (4,) smoothed `move_to` the latest measurements.
        hull: (36, 2) the face's oval in crop pixels.
    """

    pose: Floats
    speed: Floats
    hull: Floats

    @classmethod
    def measured(cls, points: NDArray[np.floating]) -> "Placement":
        """By the mesh of a single frame."""
        matrix = aligning_matrix(points)
        hull = points[OVAL, :2].astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]
        return cls(_pose(matrix), np.zeros(4), hull)

    @property
    def centre(self) -> Floats:
        """(2,) x and y in frame pixels."""
        return self.pose[:2]

    @property
    def side(self) -> float:
        """In frame pixels."""
        return float(np.exp(self.pose[2]))

    def move_to(self, other: "Placement") -> Floats:
        """(4,) change of the pose: x and y in shares of the side, growth as a logarithm, turn in radians."""
        move = (other.pose - self.pose) / self._unit
        move[3] = (move[3] + np.pi) % (2 * np.pi) - np.pi  # the short way round
        return move

    def drawn_to(self, measured: "Placement") -> "Placement":
        """One frame later, given what that frame's mesh says."""
        move = self.move_to(measured)
        speed = self.speed + SPEED_GAIN * (move - self.speed)
        gain = min(1.0, STILL_GAIN + GAIN_PER_SPEED * float(np.linalg.norm(speed)))
        hull = self.hull + HULL_GAIN * (measured.hull - self.hull)
        return Placement(self.pose + gain * move * self._unit, speed, hull)

    @property
    def _unit(self) -> Floats:
        return np.array([self.side, self.side, 1, 1])

    def region(self) -> Region:
        """Where the next frame's mesh should look."""
        low, high = self.hull.min(axis=0), self.hull.max(axis=0)
        middle = complex(*(low + high) / 2)
        centre = complex(*self.centre) + (middle - CENTRE) * self.side / CROP_PX * np.exp(1j * self.pose[3])
        side = REGION_SCALE * float((high - low).max()) * self.side / CROP_PX
        return Region(centre.real, centre.imag, side, float(self.pose[3]))

    def face(self, strength: float) -> AlignedFace:
        """For cutting and pasting."""
        turn = CROP_PX / self.side * np.exp(-1j * self.pose[3])
        shift = CENTRE - turn * complex(*self.centre)
        matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
        return AlignedFace(matrix, self.hull, strength)


def _pose(matrix: Floats) -> Floats:
    turn, shift = complex(*matrix[:, 0]), complex(*matrix[:, 2])
    centre = (CENTRE - shift) / turn
    return np.array([centre.real, centre.imag, np.log(CROP_PX / abs(turn)), -np.angle(turn)])
