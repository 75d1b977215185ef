"""Small pictures for lists."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from emo_hallo_ray.storage import atomic_path

SIDE_PX = 320
JPEG_QUALITY = 85


def save_thumbnail(image: NDArray[np.uint8], path: Path) -> None:
    """Write a JPEG of (H, W, 3) RGB pixels, at most `SIDE_PX` on its long side; it appears whole or not at all."""
    small = Image.fromarray(image)
    small.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS, reducing_gap=3.0)
    with atomic_path(path) as temporary:
        small.save(temporary, format="JPEG", quality=JPEG_QUALITY)
