"""The five points that face networks are aligned by: both eyes, the nose tip, both corners of the mouth."""

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.faces.landmarks import LEFT_EYE, LEFT_MOUTH_CORNER, RIGHT_EYE, RIGHT_MOUTH_CORNER

NOSE_TIP = 4  # of the mesh: what protrudes most


def mesh_keypoints(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """The keypoints of a mesh of 478, (5, 2) x and y; of each pair first the image's left."""
    eyes = [points[eye.upper_lid + eye.lower_lid, :2].mean(axis=0) for eye in (LEFT_EYE, RIGHT_EYE)]
    others = points[[NOSE_TIP, LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER], :2]
    return np.concatenate([eyes, others]).astype(np.float32)


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """(2, 3) map without shear or mirroring that brings points nearest to others, in the sense of least squares."""
    # as complex numbers turning and scaling is one multiplication
    z, w = (points.astype(np.float64) @ (1, 1j) for points in (source, target))
    z0, w0 = z.mean(), w.mean()
    turn = np.vdot(z - z0, w - w0) / np.vdot(z - z0, z - z0)
    shift = w0 - turn * z0
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
