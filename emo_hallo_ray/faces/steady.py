"""Mesh points good enough to draw with: steadier than one pass, right about teeth, and honest about a covered mouth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.faces.detector import Image
from emo_hallo_ray.faces.landmarks import (
    LEFT_MOUTH_CORNER,
    LEFT_SIDE,
    LOWER_LIP_INNER,
    LOWER_LIP_INSIDE,
    LOWER_LIP_RINGS,
    RIGHT_MOUTH_CORNER,
    RIGHT_SIDE,
    UPPER_LIP_INNER,
    UPPER_LIP_INSIDE,
    UPPER_LIP_RINGS,
)
from emo_hallo_ray.faces.lip_line import snap_closed_lips
from emo_hallo_ray.faces.mesh import FaceMesh, Points, region_of_points

JITTERS = [(dx, dy, scale) for scale in (0.85, 1.0, 1.15) for dx in (-0.02, 0.02) for dy in (-0.02, 0.02)]
# lips parted by this share of the mouth's width show teeth, which the attention model at times takes for a lip
VISIBLE_TEETH_GAP = 0.075
MISSED_TEETH_RATIO = 0.6
TEETH_BRIGHTNESS = 1.1  # of the lips'
MIDDLE = slice(3, 8)  # of a lip ring's eleven points
# lips that hide behind a mask, a hand or a microphone are guessed anew from every region, or by either model elsewhere;
# of the face's width. Measured: visible lips up to 0.006 and 0.020, covered ones above 0.012 or above 0.038
MAX_LIP_SPREAD, MAX_LIP_DISAGREEMENT = 0.010, 0.035
LIPS = [point for ring in UPPER_LIP_RINGS + LOWER_LIP_RINGS for point in ring]


@dataclass(frozen=True)
class SteadyFace:
    """Attributes:
    points: (478, 3) mesh points in image pixels.
    is_mouth_visible: whether all looks at the lips saw them in the same place.
    """

    points: Points
    is_mouth_visible: bool


def measure_steadily(mesh: FaceMesh, image: Image, points: Points) -> SteadyFace:
    """The median over shifted regions of a face measured before; takes about 0.1 s."""
    region = region_of_points(points)
    regions = [region.moved(*jitter) for jitter in JITTERS]
    looks = np.stack([mesh.measure_region(image, region)[0] for region in regions])
    steady: Points = np.median(looks, axis=0)
    plain: Points = np.median([mesh.measure_plainly(image, region) for region in regions[::2]], axis=0)
    if _misses_teeth(image, steady, plain):
        lower_lip = [point for ring in LOWER_LIP_RINGS for point in ring[1:-1]]
        steady[lower_lip, :2] = plain[lower_lip, :2]
    return SteadyFace(snap_closed_lips(image, steady), _agree_on_lips(looks, steady, plain))


def _agree_on_lips(looks: Points, steady: Points, plain: Points) -> bool:
    width = np.linalg.norm(steady[RIGHT_SIDE, :2] - steady[LEFT_SIDE, :2])
    spread = looks[:, LIPS, :2].std(axis=0).mean() / width
    disagreement = np.linalg.norm(steady[LIPS, :2] - plain[LIPS, :2], axis=1).mean() / width
    return bool(spread <= MAX_LIP_SPREAD and disagreement <= MAX_LIP_DISAGREEMENT)


def _misses_teeth(image: Image, attention: Points, plain: Points) -> bool:
    width = np.linalg.norm(attention[RIGHT_MOUTH_CORNER, :2] - attention[LEFT_MOUTH_CORNER, :2])
    gap, plain_gap = (np.linalg.norm(p[UPPER_LIP_INNER, :2] - p[LOWER_LIP_INNER, :2]) for p in (attention, plain))
    if plain_gap < VISIBLE_TEETH_GAP * width or gap > MISSED_TEETH_RATIO * plain_gap:
        return False
    teeth = (attention[UPPER_LIP_INSIDE[MIDDLE], :2] + plain[LOWER_LIP_INSIDE[MIDDLE], :2]) / 2
    lip = plain[LOWER_LIP_RINGS[2][MIDDLE], :2]
    return _brightness(image, teeth) > TEETH_BRIGHTNESS * _brightness(image, lip)


def _brightness(image: Image, places: NDArray[np.floating]) -> float:
    x, y = np.rint(places).astype(int).T
    rows, columns = np.clip(y, 0, image.shape[0] - 1), np.clip(x, 0, image.shape[1] - 1)
    return float(image[rows, columns].mean())
