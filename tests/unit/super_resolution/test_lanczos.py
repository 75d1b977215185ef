import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from emo_hallo_ray.super_resolution.lanczos import LanczosEnlarger, upscale_lanczos
from tests.unit.media.samples import moving_frames


def letters() -> NDArray[np.uint8]:
    """(1, H, W, 3): letters of grey 60 on a ground of 200."""
    picture = np.full((96, 192, 3), 200, np.uint8)
    cv2.putText(picture, "Abc 123", (5, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (60, 60, 60), 2)
    return picture[None]


def sharpness(picture: NDArray[np.uint8]) -> float:
    return float(cv2.Laplacian(picture, cv2.CV_64F).var())


@pytest.mark.parametrize("factor", [2, 4])
def test_every_frame_grows_by_the_factor(factor: int) -> None:
    frames = moving_frames(3, 66, 50)

    enlarged = upscale_lanczos(frames, factor)

    assert (enlarged.shape, enlarged.dtype) == ((3, 50 * factor, 66 * factor, 3), np.uint8)
    small = np.stack([cv2.resize(frame, (66, 50), interpolation=cv2.INTER_AREA) for frame in enlarged])
    assert np.abs(small.astype(int) - frames).mean() < 6


@pytest.mark.parametrize("factor", [2, 4])
def test_edges_get_sharper_but_no_rims(factor: int) -> None:
    picture = letters()
    _, height, width, _ = picture.shape
    plain = cv2.resize(picture[0], (width * factor, height * factor), interpolation=cv2.INTER_LANCZOS4)

    enlarged = upscale_lanczos(picture, factor)[0]

    assert (plain.min(), plain.max()) != (60, 200)
    assert (enlarged.min(), enlarged.max()) == (60, 200)
    assert 1.1 < sharpness(enlarged) / sharpness(plain) < 2.5


@pytest.mark.parametrize("grey", [0, 1, 128, 255])
def test_even_surfaces_stay_as_they_are(grey: int) -> None:
    assert (upscale_lanczos(np.full((1, 16, 16, 3), grey, np.uint8), 4) == grey).all()


def test_the_frames_given_are_left_alone() -> None:
    frames = moving_frames(2)

    upscale_lanczos(frames, 2)

    np.testing.assert_array_equal(frames, moving_frames(2))


def test_the_enlarger_holds_nothing_back() -> None:
    enlarger = LanczosEnlarger(2)

    pushed = enlarger.push(moving_frames(3))

    np.testing.assert_array_equal(pushed, upscale_lanczos(moving_frames(3), 2))
    assert (enlarger.method, len(enlarger.finish())) == ("lanczos", 0)
