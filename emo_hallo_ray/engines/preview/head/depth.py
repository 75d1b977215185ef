"""How the head moves as a body in space: what each turn, tilt and shift does to pixels, by their depth."""

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry, Floats, Vectors
from emo_hallo_ray.faces.landmarks import N_MESH_POINTS, OVAL

# in face heights
SKULL_DEPTH = 0.25  # behind the oval lies the middle of the head
NECK_PIVOT = 0.45  # below the middle of the head lies the centre of tilting
SMOOTHING = 0.008  # of the depth
# rings around the oval: their size over its own, and their depth between the oval's (1) and the middle of the head (0)
RINGS = [(1.35, 0.45), (1.8, 0.15), (2.6, 0.05)]


def motion_fields(face: FaceGeometry, nodes: Floats) -> Floats:
    """Displacements in pixels at the nodes of a grid, (n, n, 2): (6, n, n, 2).

    One field for each of yaw, pitch and roll (by 1 radian), shifts to the right and down, and zoom (by 1 face height).
    To first order: a turn by the vector w moves a point at r from its centre by the x and y of w × r.
    """
    across, down, into = face.axes
    middle = face.points[OVAL].mean(axis=0) + SKULL_DEPTH * face.height * into
    neck = middle + NECK_PIVOT * face.height * down
    points = _surface(face, middle, nodes)
    upright = down[:2] / np.linalg.norm(down[:2])
    level = np.array([upright[1], -upright[0]])
    fields = [
        np.cross(-down, points - middle)[..., :2],
        np.cross(across, points - middle)[..., :2],
        np.cross(into, points - neck)[..., :2],
        np.broadcast_to(level * face.height, nodes.shape),
        np.broadcast_to(upright * face.height, nodes.shape),
        points[..., :2] - middle[:2],
    ]
    return np.stack(fields).astype(np.float32)


def _surface(face: FaceGeometry, middle: Vectors, nodes: Floats) -> Vectors:
    """The nearest point of the head at every node, (n, n, 3): the mesh, and hair that recedes around it."""
    mesh, oval = face.points[:N_MESH_POINTS:2], face.points[OVAL]
    centre = oval.mean(axis=0)
    rings = [(centre + (oval - centre) * size, (oval - middle) * nearness + middle) for size, nearness in RINGS]
    places = np.concatenate([mesh, *(wider for wider, _ in rings)])[:, :2]
    depths = np.concatenate([mesh, *(deeper for _, deeper in rings)])[:, 2]
    depth = RBFInterpolator(places, depths, kernel="linear", smoothing=SMOOTHING * face.height)
    z = depth(nodes.reshape(-1, 2)).reshape(nodes.shape[:2])
    return np.dstack([nodes, cv2.GaussianBlur(z, (0, 0), 1.2)])
