import numpy as np

from emo_hallo_ray.faces.landmarks import N_MESH_POINTS, N_POINTS
from emo_hallo_ray.faces.wireframe import wireframe


def test_lines_join_every_point_of_the_face_once() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (N_POINTS, 3)).astype(np.float32)

    lines = wireframe(points)

    assert set(lines.ravel().tolist()) == set(range(N_MESH_POINTS))
    assert len(np.unique(lines, axis=0)) == len(lines)
    assert np.all(lines[:, 0] < lines[:, 1])
    assert len(lines) <= 3 * N_MESH_POINTS - 6  # no two of them cross (Euler)
