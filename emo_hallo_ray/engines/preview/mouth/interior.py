"""The inside of the mouth: a cavity, tongue and lower teeth that go down with the jaw, upper teeth that stay.

All of it is painted once; a frame moves the layers, shades them under the lips and fills the opening with them. Where
lips meet that were apart in the picture, there is a crease.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry, Floats, smoothstep
from emo_hallo_ray.engines.preview.face.tones import lip_colour, mouth_palette
from emo_hallo_ray.engines.preview.face.warp import Lips
from emo_hallo_ray.engines.preview.mouth.canvas import Layer, MouthCanvas
from emo_hallo_ray.engines.preview.mouth.teeth import lower_teeth, own_teeth, upper_teeth

NARROW, NARROW_LIGHT = 0.1, 0.42  # an opening under a tenth of half the mouth gets less light, down to this
MARGIN_ROWS = 5  # for what the blur of the edges needs
MIN_SOFTNESS_PX = 0.7  # a picture that was enlarged less needs no blur
HIDDEN_LOWER, HIDDEN_UPPER = 0.12, 0.07  # of half the mouth, how far teeth slip behind lips that are not spread
CREASE = np.array([0.42, 0.30, 0.30], np.float32)  # of the lips' colour


class MouthInterior:
    """Paints the opening of a mouth in a patch of the portrait."""

    def __init__(self, geometry: FaceGeometry, patch: Image, is_grey: bool, softness_px: float) -> None:
        self._canvas = canvas = MouthCanvas(geometry)
        self._softness_px = softness_px
        self._shows_own_teeth = geometry.is_mouth_open
        palette = mouth_palette(geometry, patch, is_grey)
        self._layers = {
            "cavity": _cavity(canvas, palette.cavity),
            "tongue": _tongue(canvas, palette.tongue),
            "lower": lower_teeth(canvas, palette.enamel),
            "upper": own_teeth(canvas, patch) if self._shows_own_teeth else upper_teeth(canvas, palette.enamel),
        }
        self._shadow_tint = palette.shadow_tint.astype(np.float32)
        self._crease_colour = (CREASE.mean() if is_grey else CREASE) * lip_colour(geometry, patch)

    def paint(self, patch: Image, lips: Lips, expression: Expression) -> None:
        """Fill the opening between the lips."""
        strength = self._strength(expression)
        if strength == 0:
            return
        opening = self._measure(lips)
        colour = self._inside(opening, lips, expression) * self._light(opening)
        alpha = opening.fill()
        if self._shows_own_teeth:
            crease = opening.crease(max(1.2, 0.02 * self._canvas.unit))
            colour = np.where((crease > alpha)[..., None], self._crease_colour, colour)
            alpha = np.maximum(alpha, crease)
        edge_px = max(0.6, 0.012 * self._canvas.unit, self._softness_px)
        alpha = cv2.GaussianBlur((alpha * strength).astype(np.float32), (0, 0), edge_px)
        if self._softness_px > MIN_SOFTNESS_PX:
            colour = cv2.GaussianBlur(colour, (0, 0), self._softness_px)
        self._canvas.put(patch, colour.astype(np.float32), alpha[..., None], opening.rows.start)

    def _strength(self, expression: Expression) -> float:
        """A mouth that is open in the picture is shown as it is until it moves."""
        if not self._shows_own_teeth:
            return 1.0
        return min(1.0, 4 * max(expression.settle, expression.jaw, expression.close))

    def _measure(self, lips: Lips) -> "_Opening":
        v = self._canvas.v
        upper, lower = self._canvas.curve(lips.upper), self._canvas.curve(lips.lower)
        edges = np.concatenate([upper, lower])
        first, last = int(edges.min() - v[0]) - MARGIN_ROWS, int(edges.max() - v[0]) + MARGIN_ROWS
        rows = slice(max(0, first), min(len(v), last))
        return _Opening(rows, v[rows, None] - upper, lower - v[rows, None], self._canvas.reach(lips.upper))

    def _inside(self, opening: "_Opening", lips: Lips, expression: Expression) -> Floats:
        unit, layers, rows = self._canvas.unit, self._layers, opening.rows
        wide = float(np.clip(0.8 * expression.width + 0.25, 0, 1)) * (1 - 0.8 * expression.rounding)
        inside = layers["cavity"].colour[rows]
        inside = layers["tongue"].over(inside, rows, lips.jaw_px)
        behind_lip = HIDDEN_LOWER * (1 - wide)
        inside = layers["lower"].over(inside, rows, 0.94 * lips.jaw_px + behind_lip * unit, 0.9)
        inside = inside * (1 - 0.35 * np.exp(-np.maximum(opening.below_upper, 0) / (0.16 * unit)))[..., None]
        if self._shows_own_teeth:
            return layers["upper"].over(inside, rows)
        covered = HIDDEN_UPPER * expression.rounding  # pursed lips come down over the teeth
        return layers["upper"].over(inside, rows, -covered * unit, 1 - 0.3 * expression.rounding)

    def _light(self, opening: "_Opening") -> Floats:
        """Lips throw shadows, and little light enters a narrow opening; (rows, W, 3)."""
        unit = self._canvas.unit
        under_upper = 1 - 0.55 * np.exp(-np.maximum(opening.below_upper, 0) / (0.055 * unit))
        over_lower = 1 - 0.35 * np.exp(-np.maximum(opening.above_lower, 0) / (0.04 * unit))
        entering = NARROW_LIGHT + (1 - NARROW_LIGHT) * smoothstep(0, NARROW * unit, opening.height)
        light: Floats = (under_upper * over_lower * entering)[..., None] ** self._shadow_tint
        return light


@dataclass(frozen=True)
class _Opening:
    """The space between the lips on some rows of the canvas, in pixels.

    Attributes:
        below_upper, above_lower: distances from the lips' inner edges, (rows, W).
        reach: 1 between the corners of the mouth, 0 beyond, (W,).
    """

    rows: slice
    below_upper: Floats
    above_lower: Floats
    reach: Floats

    @property
    def height(self) -> Floats:
        """(rows, W), all rows equal; 0 where the lips overlap."""
        return np.maximum(self.below_upper + self.above_lower, 0) * self.reach

    def fill(self) -> Floats:
        """1 between the lips, 0 on them."""
        between = np.clip(self.below_upper + 0.5, 0, 1) * np.clip(self.above_lower + 0.5, 0, 1)
        filled: Floats = between * np.clip(self.height / 1.2, 0, 1)
        return filled

    def crease(self, thickness: float) -> Floats:
        """1 along the line where the lips meet, thinning out as they part."""
        from_line = (self.below_upper - self.above_lower) / 2
        thin = np.clip(1 - self.height / (2 * thickness), 0, 1) * self.reach
        crease: Floats = np.exp(-((from_line / thickness) ** 2)) * thin
        return crease


def _cavity(canvas: MouthCanvas, dark: Floats) -> Layer:
    u = canvas.u / canvas.unit
    shade = 1 - 0.25 * np.clip(np.abs(u) ** 1.6, 0, 1)
    colour = dark * shade[None, :, None]
    colour = np.broadcast_to(colour, (canvas.side_px, canvas.side_px, 3)).astype(np.float32)
    return Layer(colour, np.ones((canvas.side_px, canvas.side_px, 1), np.float32))


def _tongue(canvas: MouthCanvas, flesh: Floats) -> Layer:
    """A low arch behind the lower teeth, lighter towards its tip."""
    u, v = canvas.u / canvas.unit, canvas.v[:, None] / canvas.unit
    forward = v - canvas.jaw_line / canvas.unit + 0.55 - 0.30 * u**2
    alpha = 0.85 * smoothstep(0, 0.5, forward) * np.clip(1 - (np.abs(u) / 0.74) ** 3, 0, 1)
    shade = 0.4 + 0.6 * smoothstep(0.05, 0.62, forward)
    shade = shade * (1 - 0.28 * np.abs(u)) * (1 - 0.10 * np.exp(-((u / 0.07) ** 2)))  # furrow
    colour = flesh * shade[..., None]
    return Layer(colour.astype(np.float32), alpha[..., None].astype(np.float32))
