"""Raised eyebrows."""

import numpy as np

from emo_hallo_ray.engines.preview.geometry import FaceGeometry, Vectors
from emo_hallo_ray.faces.landmarks import EYES, EyePoints

RAISE = 0.035  # of the distance between the eyes


def raised_brows(geometry: FaceGeometry, places: Vectors) -> Vectors:
    """Displacement in pixels, (N, 2), at brow 1: strongest at the brows, spent at the lids and up the forehead."""
    amount = np.max([_around_brow(geometry, eye, places) for eye in EYES], axis=0)
    up = -geometry.axes[1, :2] * RAISE * geometry.eye_distance
    displacement: Vectors = amount[:, None] * up
    return displacement


def _around_brow(geometry: FaceGeometry, eye: EyePoints, places: Vectors) -> Vectors:
    brow = geometry.points[eye.brow + eye.brow_top, :2] @ geometry.axes[:2, :2].T
    iris = geometry.points[eye.iris[0], :2] @ geometry.axes[:2, :2].T
    across, down = (places @ geometry.axes[:2, :2].T - brow.mean(axis=0)).T
    half_width = 0.75 * np.ptp(brow[:, 0])
    to_iris = abs(iris[1] - brow[:, 1].mean())
    reach = np.where(down < 0, 1.6, 0.62) * to_iris
    amount: Vectors = np.exp(-((across / half_width) ** 4)) * np.exp(-((down / reach) ** 2))
    return amount
