"""Lines between mesh points, for drawing: a triangulation of the face as it lies in the picture."""

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.faces.landmarks import N_MESH_POINTS
from emo_hallo_ray.faces.mesh import Points


def wireframe(points: Points) -> NDArray[np.intp]:
    """Pairs of point numbers, (n, 2), each pair once: Delaunay's triangulation of the points without the irises."""
    from scipy.spatial import Delaunay

    triangles = Delaunay(points[:N_MESH_POINTS, :2]).simplices
    sides = np.concatenate([triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    lines: NDArray[np.intp] = np.unique(np.sort(sides, axis=1), axis=0)
    return lines
