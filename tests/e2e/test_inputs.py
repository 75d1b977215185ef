"""Odd pictures and sounds over REST: what is accepted, and what is refused with which words."""

import io
import wave
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.e2e.conftest import PORTRAIT, SPEECH

SOUND = SPEECH.read_bytes()
PICTURE = PORTRAIT.read_bytes()


def post(http: httpx.Client, image: bytes, audio: bytes, name: str = "x") -> httpx.Response:
    files = {"image_file": (f"{name}.jpg", image), "audio_file": (f"{name}.wav", audio)}
    return http.post("/api/v1/inference/hallo2", files=files)


def picture(mode: str = "RGB", kind: str = "PNG", size: tuple[int, int] | None = None) -> bytes:
    image = Image.open(io.BytesIO(PICTURE))
    buffer = io.BytesIO()
    image.resize(size or image.size).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def tone(seconds: float, amplitude: float = 0.5) -> bytes:
    samples = amplitude * np.sin(np.arange(int(16_000 * seconds)) * 0.1) * 32_767
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes(samples.astype(np.int16).tobytes())
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("image", "audio", "error_code", "words"),
    [
        (b"GIF89a" + bytes(100), SOUND, "INVALID_IMAGE_FORMAT", "Invalid image file format"),
        (SOUND, SOUND, "INVALID_IMAGE_FORMAT", "Invalid image file format"),
        (PICTURE[: len(PICTURE) // 2], SOUND, "UNREADABLE_IMAGE", ""),
        (b"", SOUND, "EMPTY_FILE", "'image_file' is empty"),
        (picture(size=(2, 2)), SOUND, "NO_FACE_FOUND", "No face"),
        (PICTURE, PICTURE, "INVALID_AUDIO_FORMAT", "Invalid audio file format"),
        (PICTURE, b"#EXTM3U\nfile:///etc/passwd\n", "INVALID_AUDIO_FORMAT", "Invalid audio file format"),
        (PICTURE, b"ffconcat version 1.0\nfile /etc/passwd\n", "INVALID_AUDIO_FORMAT", "Invalid audio"),
        (PICTURE, SOUND[: len(SOUND) // 2], "UNREADABLE_AUDIO", ""),
        (PICTURE, tone(0.05), "AUDIO_TOO_SHORT", "0.050 s"),
        (PICTURE, tone(1.0, amplitude=0.0), "SILENT_AUDIO", ""),
        (PICTURE, b"", "EMPTY_FILE", "'audio_file' is empty"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_own_error(
    http: httpx.Client, image: bytes, audio: bytes, error_code: str, words: str
) -> None:
    answer = post(http, image, audio)

    assert (answer.status_code, answer.json()["error_code"]) == (400, error_code)
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("image", "audio"),
    [
        (picture("L"), tone(0.1)),
        (picture("RGBA"), tone(0.3)),
        (picture("CMYK", "JPEG"), tone(0.3)),
        (picture("P"), tone(0.3)),
    ],
    ids=["grey and the shortest sound", "alpha", "CMYK", "palette"],
)
def test_unusual_pictures_and_the_shortest_sound_are_accepted(http: httpx.Client, image: bytes, audio: bytes) -> None:
    assert post(http, image, audio, name='../../evil"\r\n').status_code == 200


def test_a_refused_upload_leaves_nothing_behind(http: httpx.Client, service: object) -> None:
    folder: Path = service.storage / "tasks"  # type: ignore[attr-defined]
    before = set(folder.iterdir())

    post(http, PICTURE, b"not a sound")

    assert set(folder.iterdir()) == before
