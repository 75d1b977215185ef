from dataclasses import replace

import numpy as np
import pytest

from emo_hallo_ray.faces.landmarks import OVAL
from emo_hallo_ray.super_resolution.alignment import aligning_matrix
from emo_hallo_ray.super_resolution.placement import Placement


@pytest.fixture
def points() -> np.ndarray:
    """(478, 2) a mesh without a face: only its arithmetic matters."""
    return np.random.default_rng(3).uniform(100, 300, (478, 2))


def turned(points: np.ndarray, angle_deg: float) -> np.ndarray:
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return points @ np.array([[cos, sin], [-sin, cos]])


@pytest.mark.parametrize("angle_deg", [0, 30, 170])
def test_pose_keeps_the_whole_alignment(points: np.ndarray, angle_deg: float) -> None:
    points = turned(points, angle_deg)

    assert Placement.measured(points).face(1.0).matrix == pytest.approx(aligning_matrix(points))


def test_face_upside_down_turns_the_short_way_round(points: np.ndarray) -> None:
    placement = Placement.measured(points)
    before = replace(placement, pose=placement.pose * [1, 1, 1, 0] + [0, 0, 0, np.radians(179)])
    after = replace(placement, pose=placement.pose * [1, 1, 1, 0] + [0, 0, 0, np.radians(-179)])

    assert np.degrees(before.move_to(after)) == pytest.approx([0, 0, 0, 2])


def test_small_moves_are_averaged_and_large_ones_taken_over(points: np.ndarray) -> None:
    placement = Placement.measured(points)
    side = placement.side

    trembled = placement.drawn_to(Placement.measured(points + np.array([side * 1e-5, 0])))
    moved = placement.drawn_to(Placement.measured(points + np.array([side * 0.05, 0])))

    assert 0 < trembled.centre[0] - placement.centre[0] < 0.15 * side * 1e-5
    assert moved.centre[0] - placement.centre[0] == pytest.approx(side * 0.05)


@pytest.mark.parametrize("angle_deg", [0, 30, -80])
def test_mesh_looks_where_the_face_is(points: np.ndarray, angle_deg: float) -> None:
    points = turned(points, angle_deg)
    placement = Placement.measured(points)

    region = placement.region()

    crop_middle = (placement.hull.min(axis=0) + placement.hull.max(axis=0)) / 2
    matrix = placement.face(1.0).matrix
    assert matrix @ [region.centre_x, region.centre_y, 1] == pytest.approx(crop_middle)
    reach = np.linalg.norm(points[OVAL] - [region.centre_x, region.centre_y], axis=1).max()
    assert reach < region.side
