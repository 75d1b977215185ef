"""Small motions of the head, with depth: near parts move more. Nothing moves at the frame's edge."""

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.geometry import FaceGeometry, Floats, Vectors, smoothstep
from emo_hallo_ray.faces.landmarks import N_MESH_POINTS, OVAL

N_NODES = 64  # of a square grid over the picture
EDGE_SHARE = 0.10  # of the picture, over which motion fades out
# in face heights
SKULL_DEPTH = 0.25  # behind the oval lies the axis of turning
NECK_PIVOT = 0.75  # below the middle of the face lies the centre of tilting
HALF_WIDTH, RISE, FALL = 0.84, 0.95, 0.80  # of the ellipse that moves in full, around it motion fades


class HeadMotion:
    """Turns a square picture of one size into frames of another, with the head moved."""

    def __init__(self, geometry: FaceGeometry, picture_px: int, frame_px: int) -> None:
        self._cell_px = picture_px / N_NODES
        self._frame_px = frame_px
        self._fields = _motion_fields(geometry, picture_px).astype(np.float32)
        scale = picture_px / frame_px
        y, x = np.indices((frame_px, frame_px), dtype=np.float32)
        self._x, self._y = (x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5

    def render(self, picture: Image, expression: Expression) -> Image:
        """(frame_px, frame_px, 3): the picture with the head moved by `expression`."""
        e = expression
        amounts = np.array([e.yaw, e.pitch, e.roll, e.shift_x, e.shift_y, e.zoom], np.float32)
        forward = np.tensordot(amounts, self._fields, axes=1)
        back = cv2.resize(self._come_from(forward), (self._frame_px, self._frame_px), interpolation=cv2.INTER_LINEAR)
        frame: Image = cv2.remap(
            picture,
            self._x - back[..., 0],
            self._y - back[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return frame

    def _come_from(self, forward: Floats) -> Floats:
        """One step of inversion is enough for motions of a few pixels."""
        y, x = np.indices(forward.shape[:2], dtype=np.float32)
        cells = forward / np.float32(self._cell_px)
        at_source: Floats = cv2.remap(
            forward, x - cells[..., 0], y - cells[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return at_source


def _motion_fields(geometry: FaceGeometry, picture_px: int) -> Vectors:
    """Displacements in pixels for yaw, pitch, roll (1 radian) and shifts and zoom (1 face height), (6, n, n, 2)."""
    y, x = np.mgrid[:N_NODES, :N_NODES]
    nodes = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) * (picture_px / N_NODES) - 0.5
    size = geometry.height
    down = geometry.axes[1, :2] / np.linalg.norm(geometry.axes[1, :2])
    across = np.array([down[1], -down[0]])
    dx, dy = ((nodes - geometry.points[OVAL, :2].mean(axis=0)) @ np.stack([across, down]).T).T
    nearness = SKULL_DEPTH * size - _depth(geometry, nodes)
    still, ones = np.zeros_like(dx), np.ones_like(dx)
    motions = [
        (nearness, still),
        (still, nearness),
        (-(dy - NECK_PIVOT * size), dx),
        (ones * size, still),
        (still, ones * size),
        (dx, dy),
    ]
    share = _moving_share(dx / size, dy / size, nodes)
    fields = [(h[:, None] * across + v[:, None] * down) * share[:, None] for h, v in motions]
    return np.stack(fields).reshape(len(motions), N_NODES, N_NODES, 2)


def _depth(geometry: FaceGeometry, nodes: Vectors) -> Vectors:
    """The mesh's z relative to the oval's, in pixels, carried on smoothly around the face: hair lies further back."""
    oval = geometry.points[OVAL]
    edge = float(np.median(oval[:, 2]))
    centre = oval[:, :2].mean(axis=0)
    rings = [(1.35, 0.02), (1.8, 0.07), (2.6, 0.10)]
    around = np.concatenate([centre + (oval[:, :2] - centre) * scale for scale, _ in rings])
    behind = np.concatenate([np.full(len(oval), further * geometry.height) for _, further in rings])
    mesh = geometry.points[:N_MESH_POINTS:2]
    surface = RBFInterpolator(
        np.concatenate([mesh[:, :2], around]),
        np.concatenate([mesh[:, 2] - edge, behind]),
        kernel="linear",
        smoothing=2.0,
    )
    depth = surface(nodes).reshape(N_NODES, N_NODES)
    smooth: Vectors = cv2.GaussianBlur(depth, (0, 0), 1.2).reshape(-1)
    return smooth


def _moving_share(dx: Vectors, dy: Vectors, nodes: Vectors) -> Vectors:
    """1 on the head, 0 in the background and at the picture's edge."""
    radius = np.hypot(dx / HALF_WIDTH, dy / np.where(dy < 0, RISE, FALL))
    inset = np.minimum(nodes - nodes.min(), nodes.max() - nodes).min(axis=1)
    to_edge = inset / (EDGE_SHARE * np.ptp(nodes))
    share: Vectors = (1 - smoothstep(0.75, 1.55, radius)) * smoothstep(0, 1, to_edge)
    return share
