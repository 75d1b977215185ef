from pathlib import Path

import cv2
import numpy as np
import pytest

from emo_hallo_ray.engines.preview.portrait import WORK_SCALE, Portrait, PreviewPortraitPreparer
from emo_hallo_ray.errors import FaceTooSmall, NoFaceFound
from emo_hallo_ray.faces.landmarks import LEFT_EYE, OVAL, UPPER_LIP_INNER


def test_portrait_is_a_square_around_the_face(portrait: Portrait) -> None:
    oval = portrait.points[OVAL, :2]

    side = int(512 * WORK_SCALE)
    assert portrait.image.shape == (side, side, 3)
    assert portrait.frame_px == 512
    assert portrait.image.dtype == np.uint8
    assert np.ptp(oval[:, 1]) == pytest.approx(side / 2, rel=0.03)
    iris, lip = (
        portrait.image[tuple(np.rint(portrait.points[p, 1::-1]).astype(int))]
        for p in (LEFT_EYE.iris[0], UPPER_LIP_INNER)
    )
    assert iris.mean() < 100 < lip.mean()


def test_portrait_is_the_same_after_a_trip_through_a_file(portrait: Portrait, tmp_path: Path) -> None:
    np.savez(tmp_path / "portrait.npz", allow_pickle=False, **portrait.to_arrays())

    with np.load(tmp_path / "portrait.npz") as arrays:
        again = Portrait.from_arrays(dict(arrays))

    assert (tmp_path / "portrait.npz").stat().st_size < 4_000_000
    assert np.array_equal(again.image, portrait.image)
    assert np.array_equal(again.points, portrait.points)


def test_preparing_twice_gives_equal_bytes(picture: np.ndarray, portrait: Portrait) -> None:
    arrays, remarks = PreviewPortraitPreparer().prepare(picture)

    assert remarks == []
    assert arrays["points"].tobytes() == portrait.points.tobytes()


@pytest.mark.parametrize(
    ("height", "width", "error"), [(300, 200, NoFaceFound), (130, 130, FaceTooSmall)], ids=["nobody", "far away"]
)
def test_picture_that_cannot_be_animated_is_refused(
    picture: np.ndarray, height: int, width: int, error: type[Exception]
) -> None:
    far_away = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    nobody = np.full((height, width, 3), 180, np.uint8)

    with pytest.raises(error):
        PreviewPortraitPreparer().prepare(nobody if error is NoFaceFound else far_away)
