import numpy as np

from emo_hallo_ray.faces.landmarks import EYES, LOWER_LIP_RINGS, OVAL, UPPER_LIP_RINGS
from emo_hallo_ray.faces.selection import MainFace


def test_upper_and_lower_lip_share_their_inner_and_outer_corners() -> None:
    for upper, lower in zip(
        (UPPER_LIP_RINGS[0], UPPER_LIP_RINGS[-1]), (LOWER_LIP_RINGS[0], LOWER_LIP_RINGS[-1]), strict=True
    ):
        assert (upper[0], upper[-1]) == (lower[0], lower[-1])


def test_groups_run_from_the_left_of_the_image_to_its_right(face: MainFace) -> None:
    eye_groups = [group for eye in EYES for group in (eye.upper_lid, eye.lower_lid)]

    for group in [*UPPER_LIP_RINGS, *LOWER_LIP_RINGS, *eye_groups]:
        assert face.points[group[0], 0] < face.points[group[-1], 0]


def test_oval_goes_around_every_other_group(face: MainFace) -> None:
    low, high = face.points[OVAL, :2].min(axis=0), face.points[OVAL, :2].max(axis=0)
    inner = [point for eye in EYES for point in eye.upper_lid + eye.iris] + UPPER_LIP_RINGS[-1]

    assert np.all(face.points[inner, :2] > low)
    assert np.all(face.points[inner, :2] < high)
