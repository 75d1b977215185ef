from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emo_hallo_ray.media.thumbnail import save_thumbnail


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(1000, 2000, (320, 160)), (4096, 4096, (320, 320)), (64, 48, (48, 64))],
    ids=["landscape", "large", "small stays small"],
)
def test_a_thumbnail_keeps_the_proportions(tmp_path: Path, height: int, width: int, expected: tuple[int, int]) -> None:
    save_thumbnail(np.full((height, width, 3), (200, 100, 50), np.uint8), tmp_path / "t.jpg")

    with Image.open(tmp_path / "t.jpg") as image:
        assert (image.format, image.size) == ("JPEG", expected)
        colour = image.getpixel((5, 5))
    np.testing.assert_allclose(colour, (200, 100, 50), atol=4)
