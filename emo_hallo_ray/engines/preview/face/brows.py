"""Raised eyebrows, and the skin around them."""

import numpy as np

from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry, Vectors
from emo_hallo_ray.faces.landmarks import EYES, EyePoints

RAISE = 0.035  # of the distance between the eyes
# how far the motion reaches, in distances from brow to iris: up the forehead, and down to where the lid begins
REACH_UP, REACH_DOWN = 2.2, 0.55


def raised_brows(geometry: FaceGeometry, places: Vectors) -> Vectors:
    """Displacement in pixels at brow 1, of the image's left brow and of its right one, (2, N, 2)."""
    amounts = np.stack([_around_brow(geometry, eye, places) for eye in EYES])
    amounts /= np.maximum(amounts.sum(axis=0), 1)  # between the brows they share the skin
    up = -geometry.axes[1, :2] * RAISE * geometry.eye_distance
    displacements: Vectors = amounts[..., None] * up
    return displacements


def _around_brow(geometry: FaceGeometry, eye: EyePoints, places: Vectors) -> Vectors:
    brow = geometry.points[eye.brow + eye.brow_top, :2] @ geometry.axes[:2, :2].T
    iris = geometry.points[eye.iris[0], :2] @ geometry.axes[:2, :2].T
    across, down = (places @ geometry.axes[:2, :2].T - brow.mean(axis=0)).T
    half_width = 0.75 * np.ptp(brow[:, 0])
    to_iris = abs(iris[1] - brow[:, 1].mean())
    reach = np.where(down < 0, REACH_UP, REACH_DOWN) * to_iris
    amount: Vectors = np.exp(-((across / half_width) ** 4)) * np.exp(-((down / reach) ** 2))
    return amount
