"""Movements of the face as displacement fields, one per parameter, as functions of face coordinates.

There are two sheets. The lower one moves what lies below the mouth's opening, the upper one what lies above. Each is
smooth on its own; they part between the corners of the mouth and are one beyond. So the tear is inside the opening,
where the interior is drawn over it. A field is (across, down), in mouth widths, at parameter 1.
"""

from dataclasses import dataclass

import numpy as np

from emo_hallo_ray.engines.preview.face.geometry import FaceCoordinates, Vectors, smoothstep

BASES = ("jaw", "lift", "wide", "pucker", "press", "raise", "tuck", "settle", "overlap")

JAW = 0.31
CORNER_SHARE = 0.30  # of the jaw's drop that the corners follow
LIP_RAISE = 0.10  # of the jaw's drop that the upper lip gives way
WIDE = 0.085
PUCKER, PUCKER_SWELL = 0.125, 0.030
PRESS = 0.035
RAISE = 0.055
TUCK = 0.05
SETTLE_UPPER, SETTLE_LOWER = 0.42, 0.58  # shares of the gap
OVERLAP = 0.03  # of either lip, since the mesh's lips end on the teeth: against a white line
SETTLE_CHIN = 0.30


@dataclass(frozen=True)
class Sheets:
    """Fields of all `BASES` at the same places: (n_bases, N, 2) each."""

    upper: Vectors
    lower: Vectors


def make_sheets(at: FaceCoordinates) -> Sheets:
    """Evaluate every movement at the places of `at`, in mouth widths across and down the face."""
    upper, lower = _upper_sheet(at), _lower_sheet(at)
    fields = [np.stack([sheet[name] for name in BASES]) for sheet in (upper, lower)]
    # beyond the corners, and over the last fifth before them, both sheets are one
    apart = 1 - smoothstep(0.78, 0.99, np.abs(at.x))[:, None]
    is_below = smoothstep(-0.3, 0.3, (at.below_upper + at.below_lower) / 2)[:, None]
    joined = fields[0] + (fields[1] - fields[0]) * is_below
    on_face = 1 - smoothstep(1.05, 1.5, at.radius)[:, None]
    return Sheets(*((joined + (field - joined) * apart) * on_face for field in fields))


def _upper_sheet(at: FaceCoordinates) -> dict[str, Vectors]:
    near = _fading(at.below_upper, up=0.55, down=0.8)
    in_middle = _in_middle(at.x)
    beyond = _beyond_corner(at.x, 0.45)
    corners = CORNER_SHARE * np.clip(np.abs(at.x), 0, 1) ** 3 * beyond
    drop = JAW * (corners - LIP_RAISE * in_middle) * near
    lip = in_middle * _within_lip(at.in_upper)
    raised = np.clip(1 - (at.x / 1.25) ** 2, 0, 1) * near
    falloff = _lip_falloff(at.in_upper)
    return {
        "jaw": _down(drop),
        "lift": _down(-drop),
        "wide": _sideways(at, at.below_upper) * WIDE,
        "pucker": -_sideways(at, at.below_upper) * PUCKER - _down(PUCKER_SWELL * lip),
        "press": _down(PRESS * lip),
        "raise": _down(-RAISE * raised),
        "tuck": _down(np.zeros_like(drop)),
        "settle": _down(SETTLE_UPPER * at.gap / 2 * falloff),
        "overlap": _down(OVERLAP * _rim(at) * falloff),
    }


def _lower_sheet(at: FaceCoordinates) -> dict[str, Vectors]:
    near = _fading(at.below_lower, up=0.6, down=0.4)
    drop = JAW * _jaw_drop(at)
    lip = _in_middle(at.x) * _within_lip(at.in_lower)
    falloff = _lip_falloff(at.in_lower)
    chin = SETTLE_CHIN * at.gap.max() / 2 * smoothstep(0.25, 0.9, at.chin) * (1 - smoothstep(0.7, 1.0, at.side))
    return {
        "jaw": _down(drop),
        "lift": _down(-drop * (1 - smoothstep(0.1, 0.8, at.chin))),
        "wide": _sideways(at, at.below_lower) * WIDE,
        "pucker": -_sideways(at, at.below_lower) * PUCKER + _down(PUCKER_SWELL * lip),
        "press": _down(-PRESS * lip),
        "raise": _down(np.zeros_like(drop)),
        "tuck": _down(-TUCK * _in_middle(at.x) * near),
        "settle": _down(-np.maximum(SETTLE_LOWER * at.gap / 2 * falloff, chin)),
        "overlap": _down(-OVERLAP * _rim(at) * falloff),
    }


def _jaw_drop(at: FaceCoordinates) -> Vectors:
    """The chin comes down in full, the lip as an arch between its corners, the cheeks less and less."""
    lip = CORNER_SHARE + (1 - CORNER_SHARE) * _in_middle(at.x)
    with_chin = lip + (1 - lip) * smoothstep(0.08, 0.9, at.chin)
    outside = np.maximum(np.abs(at.x) - 1, 0)
    cheeks = np.exp(-1.5 * (outside / 1.6) ** 2 * np.clip(1 - at.chin, 0, 1))
    above = np.exp(-((np.minimum(at.below_lower, 0) / 0.6) ** 2))
    drop: Vectors = with_chin * cheeks * above * (1 - smoothstep(0.72, 1.02, at.side))
    return drop


def _sideways(at: FaceCoordinates, below: Vectors) -> Vectors:
    """Away from the middle, most at the corners, which also rise a little; (N, 2)."""
    near = np.exp(-((below / 0.75) ** 2))
    reach = np.clip(at.x, -1, 1) * _beyond_corner(at.x, 0.75) * near
    rise = -0.24 * np.clip(np.abs(at.x), 0, 1) ** 2 * _beyond_corner(at.x, 0.6) * near
    return np.stack([reach, rise], axis=1)


def _down(amount: Vectors) -> Vectors:
    return np.stack([np.zeros_like(amount), amount], axis=1)


def _fading(below: Vectors, up: float, down: float) -> Vectors:
    """1 at an edge of the lips, fading over these lengths up and down from it."""
    return np.exp(-((below / np.where(below < 0, up, down)) ** 2))


def _in_middle(x: Vectors) -> Vectors:
    """An arch: 1 between the corners, 0 at them."""
    return np.clip(1 - x**2, 0, 1)


def _rim(at: FaceCoordinates) -> Vectors:
    """Where an open mouth's lips overlap when it closes."""
    rim: Vectors = np.clip(1 - at.x**4, 0, 1) * (at.gap > 0.05)
    return rim


def _beyond_corner(x: Vectors, reach: float) -> Vectors:
    fading: Vectors = np.exp(-((np.maximum(np.abs(x) - 1, 0) / reach) ** 2))
    return fading


def _within_lip(t: Vectors) -> Vectors:
    """Grows through the lip, from its inner edge to its outer, and fades beyond."""
    return np.clip(t, 0, 1) * np.exp(-((np.maximum(t - 1, 0) / 1.2) ** 2))


def _lip_falloff(t: Vectors) -> Vectors:
    """1 inside, 0.6 at the lip's outer edge, fading beyond."""
    return np.where(t < 1, 1 - 0.4 * np.clip(t, 0, 1) ** 2, 0.6 * np.exp(-((np.maximum(t - 1, 0) / 1.3) ** 2)))
