"""Measures of one face, taken from its mesh, and coordinates in which every face is alike."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from emo_hallo_ray.faces.landmarks import (
    CHIN,
    FOREHEAD,
    LEFT_EYE_OUTER,
    LEFT_MOUTH_CORNER,
    LEFT_SIDE,
    LOWER_LIP_INNER,
    LOWER_LIP_INSIDE,
    LOWER_LIP_OUTSIDE,
    N_MESH_POINTS,
    OVAL,
    RIGHT_EYE_OUTER,
    RIGHT_MOUTH_CORNER,
    RIGHT_SIDE,
    UPPER_LIP_INNER,
    UPPER_LIP_INSIDE,
    UPPER_LIP_OUTSIDE,
)

OPEN_MOUTH_GAP = 0.045  # of the mouth's width between the lips

Floats = NDArray[np.floating]
Vectors = NDArray[np.float64]


def smoothstep(start: float, end: float, value: Floats) -> Floats:
    """0 before `start`, 1 after `end`, smooth in between."""
    t = np.clip((value - start) / (end - start), 0, 1)
    result: Floats = t * t * (3 - 2 * t)
    return result


@dataclass(frozen=True)
class FaceGeometry:
    """A face in the pixels of some picture.

    Attributes:
        points: (478, 3).
    """

    points: Vectors

    @cached_property
    def axes(self) -> Vectors:
        """(3, 3) rows: unit vectors across the face (to the image's right), down it, and into the head."""
        across = self.points[RIGHT_SIDE] - self.points[LEFT_SIDE]
        across /= np.linalg.norm(across)
        down = self.points[CHIN] - self.points[FOREHEAD]
        down -= across * (down @ across)
        down /= np.linalg.norm(down)
        return np.stack([across, down, np.cross(across, down)])

    @cached_property
    def mouth_centre(self) -> Vectors:
        """(3,) between the lips."""
        centre: Vectors = (self.points[UPPER_LIP_INNER] + self.points[LOWER_LIP_INNER]) / 2
        return centre

    @cached_property
    def face_points(self) -> Vectors:
        """(478, 3) in `axes`, as if the face looked at the camera; the origin is `mouth_centre`."""
        return (self.points - self.mouth_centre) @ self.axes.T

    @cached_property
    def eye_distance(self) -> float:
        """Between the outer corners."""
        return float(np.linalg.norm(self.points[LEFT_EYE_OUTER] - self.points[RIGHT_EYE_OUTER]))

    @cached_property
    def half_mouth(self) -> float:
        """Half the mouth's width; a pursed mouth counts as a normal one."""
        width = np.linalg.norm(self.points[RIGHT_MOUTH_CORNER] - self.points[LEFT_MOUTH_CORNER])
        return max(float(width) / 2, 0.30 * self.eye_distance)

    @cached_property
    def height(self) -> float:
        """From hairline to chin, in the picture."""
        return float(np.linalg.norm(self.points[CHIN, :2] - self.points[FOREHEAD, :2]))

    @cached_property
    def gap(self) -> float:
        """Between the lips in the middle, in the picture."""
        return float(np.linalg.norm(self.points[UPPER_LIP_INNER, :2] - self.points[LOWER_LIP_INNER, :2]))

    @property
    def is_mouth_open(self) -> bool:
        """Whether the picture shows the inside of the mouth."""
        return self.gap > OPEN_MOUTH_GAP * 2 * self.half_mouth

    @cached_property
    def lips(self) -> tuple[Vectors, Vectors]:
        """Inner edges of the upper and the lower lip, (11, 2) each; one line where the mouth is closed."""
        upper, lower = (self.points[ids, :2] for ids in (UPPER_LIP_INSIDE, LOWER_LIP_INSIDE))
        if self.is_mouth_open:
            return upper, lower
        return (upper + lower) / 2, (upper + lower) / 2

    @cached_property
    def mouth_axes(self) -> Vectors:
        """(2, 2) rows: unit vectors in the picture, from corner to corner of the mouth and down from there."""
        right = self.points[RIGHT_MOUTH_CORNER, :2] - self.points[LEFT_MOUTH_CORNER, :2]
        right /= np.linalg.norm(right)
        return np.array([right, [-right[1], right[0]]])

    def to_mouth(self, places: Floats) -> Vectors:
        """Pixels along `mouth_axes` from the mouth's centre, (..., 2), of places in the picture."""
        offsets: Vectors = (places - self.mouth_centre[:2]) @ self.mouth_axes.T
        return offsets

    def moved(self, dx: float, dy: float) -> "FaceGeometry":
        """The same face in a picture that is cut or padded."""
        return FaceGeometry(self.points + np.array([dx, dy, 0]))

    def resampled(self, scale: float) -> "FaceGeometry":
        """The same face in a picture of `scale` times the size."""
        half_pixel = np.array([0.5, 0.5, 0])
        return FaceGeometry((self.points + half_pixel) * scale - half_pixel)


@dataclass(frozen=True)
class FaceCoordinates:
    """Where places lie on the face. Lengths are in half mouth widths; each array has one value per place.

    Attributes:
        x: across; the mouth's corners are at -1 and 1.
        below_upper, below_lower: down from the inner edge of the upper and of the lower lip.
        in_upper, in_lower: away from the mouth within the lips: 0 at their inner edge, 1 at the outer, more beyond.
        chin: 0 at the lower lip's inner edge, 1 at the chin.
        side: 0 in the middle, 1 at the face's side.
        radius: 0 in the middle of the face, 1 on its oval, more outside.
        gap: between the lips' inner edges, at this x.
    """

    x: Vectors
    below_upper: Vectors
    below_lower: Vectors
    in_upper: Vectors
    in_lower: Vectors
    chin: Vectors
    side: Vectors
    radius: Vectors
    gap: Vectors


def locate(geometry: FaceGeometry, places: Vectors) -> FaceCoordinates:
    """Face coordinates of places in the picture, (N, 2): a smooth map through all points of the mesh."""
    flat = geometry.face_points
    across, down = _flatten(geometry, places).T
    unit = geometry.half_mouth

    # the inner corners, where the lips part; the outer ones lie further out in a three-quarter view
    corner_left, corner_right = flat[[UPPER_LIP_INSIDE[0], UPPER_LIP_INSIDE[-1]], 0]
    x = np.where(across < 0, across / min(corner_left, -0.3 * unit), across / max(corner_right, 0.3 * unit))
    x = np.where(across < 0, -x, x)

    upper_inner, upper_outer, lower_inner, lower_outer = (
        _curve(flat[ids], across) for ids in (UPPER_LIP_INSIDE, UPPER_LIP_OUTSIDE, LOWER_LIP_INSIDE, LOWER_LIP_OUTSIDE)
    )
    lower_inner = np.maximum(lower_inner, upper_inner)
    thin = 0.05 * unit
    chin_drop = flat[CHIN, 1] - flat[LOWER_LIP_INNER, 1]
    return FaceCoordinates(
        x=x,
        below_upper=(down - upper_inner) / unit,
        below_lower=(down - lower_inner) / unit,
        in_upper=(upper_inner - down) / np.maximum(upper_inner - upper_outer, thin),
        in_lower=(down - lower_inner) / np.maximum(lower_outer - lower_inner, thin),
        chin=(down - lower_inner) / chin_drop,
        side=np.abs(across) / (np.ptp(flat[[LEFT_SIDE, RIGHT_SIDE], 0]) / 2),
        radius=_oval_radius(geometry.points[OVAL, :2], places),
        gap=(lower_inner - upper_inner) / unit,
    )


def _flatten(geometry: FaceGeometry, places: Vectors) -> Vectors:
    """Coordinates across and down the face, in pixels, of places in the picture."""
    pixels, flat = geometry.points[:N_MESH_POINTS, :2], geometry.face_points[:N_MESH_POINTS, :2]
    surroundings = _surroundings(pixels[OVAL])
    affine, *_ = np.linalg.lstsq(_homogeneous(pixels), flat, rcond=None)
    bends = np.concatenate([flat - _homogeneous(pixels) @ affine, np.zeros((len(surroundings), 2))])
    bend = RBFInterpolator(np.concatenate([pixels, surroundings]), bends, kernel="linear", smoothing=2.0)
    flattened: Vectors = _homogeneous(places) @ affine + bend(places)
    return flattened


def _homogeneous(places: Vectors) -> Vectors:
    return np.concatenate([places, np.ones((len(places), 1))], axis=1)


def _surroundings(oval: Vectors) -> Vectors:
    """Rings outside the face, where the map is plain again."""
    centre = oval.mean(axis=0)
    return np.concatenate([centre + (oval - centre) * scale for scale in (1.6, 2.2)])


def _curve(line: Vectors, across: Vectors) -> Vectors:
    order = np.argsort(line[:, 0])
    values: Vectors = np.interp(across, line[order, 0], line[order, 1])
    return values


def _oval_radius(oval: Vectors, places: Vectors) -> Vectors:
    centre = (oval.min(axis=0) + oval.max(axis=0)) / 2
    angles, lengths = _polar(oval - centre)
    order = np.argsort(angles)
    place_angles, place_lengths = _polar(places - centre)
    radius: Vectors = place_lengths / np.interp(place_angles, angles[order], lengths[order], period=2 * np.pi)
    return radius


def _polar(offsets: Vectors) -> tuple[Vectors, Vectors]:
    return np.arctan2(offsets[:, 1], offsets[:, 0]), np.hypot(offsets[:, 0], offsets[:, 1])
