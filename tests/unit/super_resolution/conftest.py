from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emo_hallo_ray.super_resolution.tracking import FaceTracker

SAMPLES = Path(__file__).parents[3] / "samples"


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """(512, 512, 3) RGB; the face is about 94 pixels wide, around (222, 128)."""
    return np.array(Image.open(SAMPLES / "portrait.jpg").convert("RGB"))


@pytest.fixture(scope="session")
def tracker() -> FaceTracker:
    return FaceTracker()
