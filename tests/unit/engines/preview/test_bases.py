import numpy as np
import pytest

from emo_hallo_ray.engines.preview.face.bases import BASES, CORNER_SHARE, JAW, Sheets, make_sheets
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry, locate
from emo_hallo_ray.faces.landmarks import (
    CHIN,
    LEFT_EYE,
    LEFT_MOUTH_CORNER,
    LEFT_SIDE,
    LOWER_LIP_INNER,
    RIGHT_MOUTH_CORNER,
    UPPER_LIP_INNER,
)

ACROSS, DOWN = 0, 1


def sheets_at(geometry: FaceGeometry, *landmarks: int) -> Sheets:
    return make_sheets(locate(geometry, geometry.points[list(landmarks), :2]))


def moved(sheet: np.ndarray, name: str) -> np.ndarray:
    return sheet[BASES.index(name)]


def test_jaw_takes_lip_and_chin_down_and_the_corners_a_little(closed_geometry: FaceGeometry) -> None:
    drop = moved(sheets_at(closed_geometry, LOWER_LIP_INNER, CHIN, LEFT_MOUTH_CORNER).lower, "jaw")[:, DOWN]

    assert drop[:2] == pytest.approx([JAW, JAW], rel=0.1)
    assert drop[2] == pytest.approx(CORNER_SHARE * JAW, rel=0.3)


def test_upper_lip_stays_while_the_jaw_drops(closed_geometry: FaceGeometry) -> None:
    drop = moved(sheets_at(closed_geometry, UPPER_LIP_INNER).upper, "jaw")[0, DOWN]

    assert -0.05 < drop < 0


def test_lift_closes_the_lips_and_leaves_the_chin_down(closed_geometry: FaceGeometry) -> None:
    sheets = sheets_at(closed_geometry, LOWER_LIP_INNER, CHIN)

    lip, chin = (moved(sheets.lower, "jaw") + moved(sheets.lower, "lift"))[:, DOWN]

    assert lip == pytest.approx(0, abs=0.01)
    assert chin > 0.9 * JAW


def test_settling_brings_the_lips_of_an_open_mouth_together(geometry: FaceGeometry) -> None:
    sheets = sheets_at(geometry, UPPER_LIP_INNER, LOWER_LIP_INNER)
    gap = geometry.gap / (2 * geometry.half_mouth)

    closing = moved(sheets.upper, "settle")[0, DOWN] - moved(sheets.lower, "settle")[1, DOWN]

    assert closing == pytest.approx(gap, rel=0.15)


@pytest.mark.parametrize(("name", "outwards"), [("wide", 1), ("pucker", -1)])
def test_corners_part_or_come_together(closed_geometry: FaceGeometry, name: str, outwards: int) -> None:
    left, right = moved(sheets_at(closed_geometry, LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER).lower, name)[:, ACROSS]

    assert left * outwards < -0.04
    assert right * outwards > 0.04


def test_sheets_are_one_beyond_the_corners_of_the_mouth(geometry: FaceGeometry) -> None:
    y, x = np.mgrid[200:700:20, 150:620:20]
    at = locate(geometry, np.stack([x, y], axis=-1).reshape(-1, 2).astype(float))
    sheets = make_sheets(at)
    beyond = np.abs(at.x) > 1

    assert np.abs(sheets.upper - sheets.lower)[:, beyond].max() < 1e-9
    assert np.abs(sheets.upper - sheets.lower)[:, ~beyond].max() > 0.2


def test_mouth_moves_neither_eyes_nor_what_lies_around_the_face(geometry: FaceGeometry) -> None:
    sheets = sheets_at(geometry, *LEFT_EYE.lower_lid, LEFT_SIDE)
    corners = make_sheets(locate(geometry, np.array([[0.0, 0.0], [767.0, 0.0], [0.0, 767.0], [767.0, 767.0]])))

    assert np.abs(sheets.upper).max() < 0.01
    assert np.abs(corners.lower).max() == 0
