from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emo_hallo_ray.faces.selection import MainFace, find_main_face

SAMPLES = Path(__file__).parents[3] / "samples"


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """(512, 512, 3) RGB; the face is about 94 pixels wide, around (225, 125), and shows teeth."""
    return np.array(Image.open(SAMPLES / "portrait.jpg").convert("RGB"))


@pytest.fixture(scope="session")
def face(portrait: np.ndarray) -> MainFace:
    return find_main_face(portrait)
