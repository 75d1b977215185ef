import cv2
import numpy as np
import pytest

from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.head import silhouette
from emo_hallo_ray.engines.preview.head.silhouette import BAND_END, find_person, head_share
from emo_hallo_ray.engines.preview.portrait import Portrait
from emo_hallo_ray.faces.landmarks import OVAL
from tests.unit.engines.preview.conftest import FRAME_PX, WORK_PX


@pytest.fixture(scope="module")
def face(geometry: FaceGeometry) -> FaceGeometry:
    return geometry.resampled(FRAME_PX / WORK_PX)


@pytest.fixture(scope="module")
def frame(portrait: Portrait) -> np.ndarray:
    return cv2.resize(portrait.image, (FRAME_PX, FRAME_PX), interpolation=cv2.INTER_AREA)


def at(face: FaceGeometry, across: float, down: float) -> tuple[int, int]:
    """Row and column of a place that is given in face heights from the middle of the face."""
    x, y = face.points[OVAL, :2].mean(axis=0) + np.array([across, down]) * face.height
    return round(float(y)), round(float(x))


def disc(face: FaceGeometry, radius: float) -> np.ndarray:
    """What segmentation would say of a round person, its radius in face heights."""
    y, x = (np.mgrid[:256, :256] + 0.5) * (FRAME_PX / 256) - 0.5
    centre = face.points[OVAL, :2].mean(axis=0)
    inside = np.hypot(x - centre[0], y - centre[1]) < radius * face.height
    return inside.astype(np.float32)


def test_face_and_hair_move_in_full(face: FaceGeometry, frame: np.ndarray) -> None:
    share = head_share(face, frame)

    oval = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    cv2.fillPoly(oval, [np.rint(face.points[OVAL, :2]).astype(np.int32)], (1,))
    assert share[oval > 0].min() > 0.9
    assert share[at(face, 0, -0.65)] > 0.9
    assert share[at(face, -0.5, -0.1)] > 0.9
    assert share[at(face, 0.5, -0.1)] > 0.9


def test_shoulders_and_border_stand_still(face: FaceGeometry, frame: np.ndarray) -> None:
    share = head_share(face, frame)

    assert 0 < share[at(face, 0, 0.65)] < 1
    shoulders, _ = at(face, 0, 0.9)
    assert share[shoulders:].max() == 0
    assert max(edge.max() for edge in (share[0], share[-1], share[:, 0], share[:, -1])) == 0


def test_background_stands_still_but_for_a_narrow_band(face: FaceGeometry, frame: np.ndarray) -> None:
    person = find_person(face, frame)
    assert person is not None

    outside = cv2.distanceTransform((~person).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    assert head_share(face, frame)[outside > BAND_END * face.height].max() == 0


def test_person_is_one_piece_without_holes(
    face: FaceGeometry, frame: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = disc(face, 0.7) - disc(face, 0.66) + disc(face, 0.64)
    seen[:20, :20] = 1
    monkeypatch.setattr(silhouette, "segment_person", lambda _: seen)

    person = find_person(face, frame)

    assert person is not None
    assert person[at(face, 0, -0.65)]
    assert not person[at(face, 0, -0.75)]
    assert not person[:40, :40].any()


@pytest.mark.parametrize("seen", ["nobody", "half a face"])
def test_unbelievable_person_gives_way_to_a_soft_guess(
    face: FaceGeometry, frame: np.ndarray, monkeypatch: pytest.MonkeyPatch, seen: str
) -> None:
    person = disc(face, 0.7) if seen == "half a face" else disc(face, 0)
    person[:, : round(face.points[OVAL, 0].mean() / 2)] = 0
    monkeypatch.setattr(silhouette, "segment_person", lambda _: person)

    share = head_share(face, frame)

    assert find_person(face, frame) is None
    assert share[at(face, 0, 0)] == share[at(face, -0.3, 0)] == share[at(face, 0.3, 0)] == 1
    assert 0.1 < share[at(face, -0.75, 0)] < 0.9
    assert np.abs(np.diff(share)).max() < 0.05


def test_other_people_beside_the_head_stand_still(
    face: FaceGeometry, frame: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silhouette, "segment_person", lambda _: np.ones((256, 256), np.float32))
    portrait_of_one = face.moved(-130, 0)

    share = head_share(portrait_of_one, frame)

    assert share[at(portrait_of_one, 0, 0)] == 1
    _, beside = at(portrait_of_one, 1.2, 0)
    assert beside < 0.9 * FRAME_PX
    assert share[:, beside:].max() == 0


def test_larger_frames_get_the_same_shares(face: FaceGeometry, frame: np.ndarray) -> None:
    large = cv2.resize(frame, (2 * FRAME_PX, 2 * FRAME_PX), interpolation=cv2.INTER_LINEAR)

    share = head_share(face.resampled(2), large)

    assert share.shape == (2 * FRAME_PX, 2 * FRAME_PX)
    smaller = cv2.resize(share, (FRAME_PX, FRAME_PX), interpolation=cv2.INTER_AREA)
    assert np.abs(smaller - head_share(face, frame)).mean() < 0.01
