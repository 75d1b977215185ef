"""An expression as a warp: combine the basis fields, invert them, and say where every pixel comes from."""

from dataclasses import dataclass

import cv2
import numpy as np

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.face.bases import BASES, JAW, make_sheets
from emo_hallo_ray.engines.preview.face.brows import raised_brows
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry, Floats, Vectors, locate, smoothstep

CELLS_PER_FACE = 64  # from hairline to chin, of the grid that carries the fields
BORDER_CELLS = 4  # over which they fade out at the patch's border
JAW_TILT = 0.12  # the jaw turns about the ears, so a chin that drops also recedes
SMILE_TALKING, SMILE_CLOSED = 0.35, 0.35  # of `wide`, taken back from a toothy smile that talks, and as its lips close
SEAM_SOFTNESS_PX = 1.2
MIN_CORNER_PX = 0.5
N_INVERSION_STEPS = 6
N_PLAIN_STEPS = 2  # the rest are damped, since steep fields overshoot
# around the mouth's centre, in half mouth widths: wherever the two sheets can differ next to the seam
SEAM_LEFT, SEAM_TOP, SEAM_RIGHT, SEAM_BOTTOM = -1.15, -0.8, 1.15, 1.3


@dataclass(frozen=True)
class Lips:
    """The opening of the mouth in one frame.

    Attributes:
        upper, lower: inner edges of the lips, (11, 2) patch pixels from corner to corner; both ends are shared.
        jaw_px: how far the lower teeth went down.
    """

    upper: Floats
    lower: Floats
    jaw_px: float


@dataclass(frozen=True)
class PixelMap:
    """Where the pixels of a patch come from, (H, W) each, in the patch's own pixels."""

    x: Floats
    y: Floats

    def read(self, patch: Image) -> Image:
        """The patch with its pixels moved."""
        moved: Image = cv2.remap(patch, self.x, self.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return moved


def cell_px(geometry: FaceGeometry) -> int:
    """Pixels from node to node of the grid for a face."""
    return max(2, round(geometry.height / CELLS_PER_FACE))


class FaceWarp:
    """Moves the face inside a patch of the portrait."""

    def __init__(self, geometry: FaceGeometry, share: Floats) -> None:
        """Prepare for a patch whose sides are multiples of `cell_px`.

        Args:
            share: (H, W) of the patch, how much of the motion each pixel takes part in; 0 in the background.
        """
        self._geometry = geometry
        height, width = share.shape
        self._cell_px = cell_px(geometry)
        rows, columns = height // self._cell_px, width // self._cell_px
        nodes = _node_centres(rows, columns, self._cell_px)
        self._lips = np.concatenate(geometry.lips).astype(np.float32)
        fields = _fields(geometry, np.concatenate([nodes.reshape(-1, 2), self._lips]))
        on_nodes, on_lips = np.split(fields, [len(nodes.reshape(-1, 2))], axis=2)
        self._fields = on_nodes.reshape(*fields.shape[:2], rows, columns, 2) * _border_fade(rows, columns)
        self._share = np.repeat(share[..., None], 2, axis=2)
        self._lip_fields = np.concatenate([on_lips[:, 0, :11], on_lips[:, 1, 11:]], axis=1)
        self._nodes_in_mouth = geometry.to_mouth(nodes).astype(np.float32)
        self._identity = np.indices((height, width), dtype=np.float32)[::-1]  # x, y
        self._box = _seam_box(geometry, rows, columns, self._cell_px)
        top, bottom, left, right = (edge * self._cell_px for edge in self._box)
        pixels = np.moveaxis(self._identity[:, top:bottom, left:right], 0, -1)
        self._box_in_mouth = geometry.to_mouth(pixels).astype(np.float32)

    def lips(self, expression: Expression) -> Lips:
        """Where the lips are in this expression."""
        weights = self._weights(expression)
        moved = self._lips + np.tensordot(weights, self._lip_fields, axes=1)
        upper, lower = moved[:11], moved[11:]
        upper[[0, -1]] = lower[[0, -1]] = self._outermost(upper, lower)
        jaw = weights[BASES.index("jaw")] * JAW * 2 * self._geometry.half_mouth
        return Lips(upper, lower, float(jaw))

    def pixel_map(self, expression: Expression, lips: Lips) -> PixelMap:
        """Where every pixel comes from, with the seam along the middle of the opening."""
        forward = np.tensordot(self._weights(expression), self._fields, axes=1)  # (2 sheets, rows, columns, 2)
        upper, lower = (_invert(field, self._cell_px) for field in forward)
        seam = self._geometry.to_mouth((lips.upper + lips.lower) / 2).astype(np.float32)
        is_below = _depth_below(seam, self._nodes_in_mouth) > 0
        shift = _enlarge(np.where(is_below[..., None], lower, upper), self._cell_px)
        self._sharpen_seam(shift, upper, lower, seam)
        shift *= self._share
        return PixelMap(self._identity[0] + shift[..., 0], self._identity[1] + shift[..., 1])

    def _outermost(self, upper: Floats, lower: Floats) -> Floats:
        """Both corners, (2, 2): between the ends of the lips, and no further in than what comes next to them.

        Lips in a three-quarter view can overhang the corner that is turned away.
        """
        corners = (upper[[0, -1]] + lower[[0, -1]]) / 2
        inwards = self._geometry.mouth_axes[0] * np.array([[1], [-1]])
        beside = np.stack([upper[[1, -2]], lower[[1, -2]]])
        overhang = np.max(((corners - beside) * inwards).sum(axis=2), axis=0) + MIN_CORNER_PX
        moved: Floats = corners - inwards * np.maximum(overhang, 0)[:, None]
        return moved.astype(np.float32)

    def movements(self, expression: Expression) -> dict[str, float]:
        """Amount of each of `BASES`, and of `opening`: what of the jaw's drop parts the lips."""
        opening = expression.jaw * (1 - expression.close)
        jaw, settle, relaxed = expression.jaw, 0.0, 0.0
        if self._geometry.is_mouth_open:
            gap = self._geometry.gap / (JAW * 2 * self._geometry.half_mouth)  # as an amount of jaw
            jaw = max(0.0, expression.jaw - gap)
            settle = expression.settle * float(np.clip(1 - opening / gap, 0, 1))
            relaxed = SMILE_TALKING * expression.settle * (1 - expression.rest) + SMILE_CLOSED * settle
        return {
            "opening": opening,
            "jaw": jaw,
            "lift": jaw * expression.close,
            "wide": max(expression.width, -0.3) * (1 - 0.4 * expression.close) - relaxed,
            "pucker": expression.rounding,
            "press": expression.close * (1 - 0.5 * expression.rounding),
            "raise": expression.upper * min(1.0, 3 * opening + 0.15),
            "tuck": expression.tuck,
            "settle": settle,
            "overlap": settle**3,  # only lips that meet
        }

    def _weights(self, expression: Expression) -> Floats:
        """Weights of `BASES` and of both brows."""
        movements = self.movements(expression)
        brows = expression.brow - expression.brow_tilt, expression.brow + expression.brow_tilt
        return np.array([*(movements[name] for name in BASES), *brows], np.float32)

    def _sharpen_seam(self, shift: Floats, upper: Floats, lower: Floats, seam: Floats) -> None:
        """Part the sheets pixel by pixel around the mouth; a grid cell would be too coarse there."""
        top, bottom, left, right = self._box
        around = slice(top - 1, bottom + 1), slice(left - 1, right + 1)
        cell = self._cell_px
        inner = slice(cell, -cell), slice(cell, -cell)
        fine_upper, fine_lower = (_enlarge(sheet[around], cell)[inner] for sheet in (upper, lower))
        depth = _depth_below(seam, self._box_in_mouth) / SEAM_SOFTNESS_PX
        share = np.clip(depth * 0.5 + 0.5, 0, 1)[..., None]
        box = slice(top * cell, bottom * cell), slice(left * cell, right * cell)
        shift[box] = fine_upper + (fine_lower - fine_upper) * share


def _node_centres(rows: int, columns: int, cell: int) -> Vectors:
    """(rows, columns, 2) pixels, placed where `cv2.resize` expects them when it enlarges the grid."""
    y, x = np.mgrid[:rows, :columns]
    return (np.stack([x, y], axis=-1) + 0.5) * cell - 0.5


def _fields(geometry: FaceGeometry, places: Vectors) -> Floats:
    """Displacements in pixels by every basis at parameter 1: (bases, 2 sheets, places, x and y)."""
    sheets = make_sheets(locate(geometry, places))
    mouth_width = 2 * geometry.half_mouth
    across, down = geometry.axes[0, :2], (geometry.axes[1] + JAW_TILT * geometry.axes[2])[:2]
    to_pixels = np.stack([across, down]) * mouth_width
    brows = raised_brows(geometry, places)
    fields = [np.concatenate([sheet @ to_pixels, brows]) for sheet in (sheets.upper, sheets.lower)]
    return np.stack(fields, axis=1).astype(np.float32)


def _border_fade(rows: int, columns: int) -> Floats:
    """(rows, columns, 1): 0 at the border, so that the patch joins the rest of the picture."""
    y, x = np.mgrid[:rows, :columns]
    to_border = np.minimum.reduce([y, rows - 1 - y, x, columns - 1 - x])
    return smoothstep(0, BORDER_CELLS, to_border)[..., None].astype(np.float32)


def _seam_box(geometry: FaceGeometry, rows: int, columns: int, cell: int) -> tuple[int, int, int, int]:
    """Top, bottom, left and right cells around the mouth."""
    corners = np.array([[u, v] for u in (SEAM_LEFT, SEAM_RIGHT) for v in (SEAM_TOP, SEAM_BOTTOM)])
    pixels = geometry.mouth_centre[:2] + corners * geometry.half_mouth @ geometry.mouth_axes
    left, top = np.floor(pixels.min(axis=0) / cell).astype(int)
    right, bottom = np.ceil(pixels.max(axis=0) / cell).astype(int)
    return max(1, int(top)), min(rows - 1, int(bottom)), max(1, int(left)), min(columns - 1, int(right))


def _invert(forward: Floats, cell: int) -> Floats:
    """For a field that says where places go, (rows, columns, 2) pixels, one that says where they come from."""
    rows, columns = forward.shape[:2]
    cells = forward / np.float32(cell)
    node_y, node_x = np.indices((rows, columns), dtype=np.float32)
    x, y = node_x, node_y
    for step in range(N_INVERSION_STEPS):
        moved = cv2.remap(cells, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        damping = np.float32(1.0 if step < N_PLAIN_STEPS else 0.5)
        x = x + (node_x - moved[..., 0] - x) * damping
        y = y + (node_y - moved[..., 1] - y) * damping
    return np.stack([x - node_x, y - node_y], axis=-1) * np.float32(cell)


def _enlarge(grid: Floats, cell: int) -> Floats:
    rows, columns = grid.shape[:2]
    pixels: Floats = cv2.resize(grid, (columns * cell, rows * cell), interpolation=cv2.INTER_LINEAR)
    return pixels


def _depth_below(line: Floats, places: Floats) -> Floats:
    """How far places lie below a line that runs from left to right, all in mouth axes."""
    depth: Floats = places[..., 1] - np.interp(places[..., 0], line[:, 0], line[:, 1]).astype(np.float32)
    return depth
