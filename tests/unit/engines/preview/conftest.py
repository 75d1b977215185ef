import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.signal import resample_poly

from emo_hallo_ray.engines.base import SpeechTrack
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.portrait import Portrait, PreviewPortraitPreparer
from emo_hallo_ray.engines.preview.renderer import Renderer
from emo_hallo_ray.engines.preview.speech.embedder import PreviewSpeechEmbedder
from emo_hallo_ray.faces.landmarks import LOWER_LIP_INSIDE, UPPER_LIP_INSIDE

SAMPLES = Path(__file__).parents[4] / "samples"
FRAME_PX, WORK_PX = 512, 768


def write_speech(path: Path, samples: np.ndarray) -> Path:
    """Write samples in [-1, 1] as 16-bit mono WAV at 16 kHz."""
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(16_000)
        wav.writeframes(np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def track_of(path: Path) -> SpeechTrack:
    with wave.open(str(path)) as wav:
        return SpeechTrack(path, wav.getnframes(), PreviewSpeechEmbedder().measure(path))


@pytest.fixture(scope="session")
def speech_samples() -> np.ndarray:
    """The sample recording at 16 kHz, about nine seconds."""
    with wave.open(str(SAMPLES / "speech.wav")) as wav:
        assert wav.getframerate() == 22_050
        samples = np.frombuffer(wav.readframes(wav.getnframes()), "<i2") / 32768
    return resample_poly(samples, 320, 441)


@pytest.fixture(scope="session")
def track(speech_samples: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> SpeechTrack:
    return track_of(write_speech(tmp_path_factory.mktemp("speech") / "speech.wav", speech_samples))


@pytest.fixture(scope="session")
def mouth(track: SpeechTrack) -> np.ndarray:
    """Mouth curves of the whole sample."""
    return PreviewSpeechEmbedder().embed(track, 0, track.n_frames)["mouth"]


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    return np.array(Image.open(SAMPLES / "portrait.jpg").convert("RGB"))


@pytest.fixture(scope="session")
def portrait(picture: np.ndarray) -> Portrait:
    """Somebody who smiles and shows teeth."""
    arrays, _ = PreviewPortraitPreparer().prepare(picture)
    return Portrait.from_arrays(arrays)


@pytest.fixture(scope="session")
def renderer(portrait: Portrait) -> Renderer:
    return Renderer(portrait)


@pytest.fixture(scope="session")
def closed_portrait(portrait: Portrait) -> Portrait:
    """The same person with the lips on one another, as far as the mesh goes."""
    geometry = FaceGeometry(portrait.points.astype(np.float64))
    points = portrait.points.copy()
    upper, lower = geometry.lips
    points[UPPER_LIP_INSIDE, :2] = points[LOWER_LIP_INSIDE, :2] = (upper + lower) / 2
    return Portrait(portrait.image, points, portrait.enlargement)


@pytest.fixture(scope="session")
def geometry(portrait: Portrait) -> FaceGeometry:
    return FaceGeometry(portrait.points.astype(np.float64))


@pytest.fixture(scope="session")
def closed_geometry(closed_portrait: Portrait) -> FaceGeometry:
    return FaceGeometry(closed_portrait.points.astype(np.float64))
