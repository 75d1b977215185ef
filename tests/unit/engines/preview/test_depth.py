import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.head.depth import NECK_PIVOT, SKULL_DEPTH, motion_fields
from emo_hallo_ray.faces.landmarks import FEATURES, OVAL
from tests.unit.engines.preview.conftest import WORK_PX

N_NODES = 64
CELL_PX = WORK_PX / N_NODES
YAW, PITCH, ROLL, SHIFT_X, SHIFT_Y, ZOOM = range(6)


def nodes() -> np.ndarray:
    ticks = (np.arange(N_NODES) + 0.5) * CELL_PX - 0.5
    return np.stack(np.meshgrid(ticks, ticks), axis=-1)


def posed(geometry: FaceGeometry, turn: Rotation) -> FaceGeometry:
    """The face turned about its middle."""
    centre = geometry.points[OVAL].mean(axis=0)
    return FaceGeometry(turn.apply(geometry.points - centre) + centre)


def motion_of(face: FaceGeometry, motion: int, points: np.ndarray) -> np.ndarray:
    """What a motion by 1 does to places in the picture, (n, 2)."""
    field = motion_fields(face, nodes())[motion]
    x, y = ((points[:, :2] + 0.5) / CELL_PX - 0.5).astype(np.float32).T
    return cv2.remap(field, x[:, None], y[:, None], cv2.INTER_LINEAR)[:, 0]


@pytest.mark.parametrize(("motion", "axis", "sign"), [(YAW, 1, -1), (PITCH, 0, 1), (ROLL, 2, 1)])
@pytest.mark.parametrize(
    "pose",
    [Rotation.identity(), *(Rotation.from_euler(axis, 30, degrees=True) for axis in ("y", "z"))],
    ids=["frontal", "three-quarter", "tilted"],
)
def test_features_move_as_on_a_rigid_head(
    geometry: FaceGeometry, pose: Rotation, motion: int, axis: int, sign: int
) -> None:
    face = posed(geometry, pose)
    features = face.points[FEATURES]
    pivot = face.points[OVAL].mean(axis=0) + SKULL_DEPTH * face.height * face.axes[2]
    if motion == ROLL:
        pivot = pivot + NECK_PIVOT * face.height * face.axes[1]
    turn = Rotation.from_rotvec(sign * 0.01 * face.axes[axis])

    moved = motion_of(face, motion, features) * 0.01

    expected = (turn.apply(features - pivot) + pivot - features)[:, :2]
    assert np.linalg.norm(moved - expected, axis=1).mean() < 0.12 * np.linalg.norm(expected, axis=1).mean()
    assert np.linalg.norm(expected, axis=1).mean() > 0.5


def test_hair_moves_less_than_the_face_when_the_head_turns(geometry: FaceGeometry) -> None:
    oval = geometry.points[OVAL]
    centre = oval.mean(axis=0)

    on_oval, on_hair = (motion_of(geometry, YAW, centre + (oval - centre) * size)[:, 0] for size in (1.0, 1.8))

    assert 0 <= on_hair.mean() < 0.4 * on_oval.mean()


def test_shifts_and_zoom_are_in_face_heights(geometry: FaceGeometry) -> None:
    face = posed(geometry, Rotation.from_euler("z", 20, degrees=True))
    features = face.points[FEATURES]
    apart = np.linalg.norm(features[0, :2] - features[-1, :2])

    right, down, zoom = (motion_of(face, motion, features) for motion in (SHIFT_X, SHIFT_Y, ZOOM))

    np.testing.assert_allclose(np.linalg.norm(right, axis=1), face.height, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(down, axis=1), face.height, rtol=1e-4)
    assert abs(np.sum(right[0] * down[0])) < 1e-3 * face.height**2
    assert np.linalg.norm(zoom[0] - zoom[-1]) == pytest.approx(apart, rel=0.01)
