from pathlib import Path

import pytest

from emo_hallo_ray.errors import EmptyFile, InvalidAudioFormat, InvalidImageFormat
from emo_hallo_ray.media.sniff import AudioFormat, ImageFormat, sniff_audio, sniff_image

from .samples import ENCODERS, write_recording

PNG = b"\x89PNG\r\n\x1a\n"
MP3_FRAME = b"\xff\xfb\x50\xc4" + bytes(204)  # 64 kbit/s, 44.1 kHz


@pytest.mark.parametrize(("content", "seen"), [(b"\xff\xd8\xff\xe0", ImageFormat.JPEG), (PNG, ImageFormat.PNG)])
def test_pictures_are_told_by_content(tmp_path: Path, content: bytes, seen: ImageFormat) -> None:
    path = tmp_path / "x.gif"
    path.write_bytes(content)

    assert sniff_image(path) is seen


@pytest.mark.parametrize("kind", ENCODERS)
def test_recordings_are_told_by_content(tmp_path: Path, kind: str) -> None:
    path = write_recording(tmp_path / "x.txt", kind, duration_s=0.2)

    seen = sniff_audio(path)

    expected = {"wav": AudioFormat.WAV, "rf6": AudioFormat.WAV, "mp3": AudioFormat.MP3, "ogg": AudioFormat.OGG}
    assert seen is expected.get(kind[:3], AudioFormat.M4A)


@pytest.mark.parametrize(
    "content",
    [
        MP3_FRAME * 3,
        MP3_FRAME * 2,
        MP3_FRAME * 2 + b"TAG" + bytes(125),
        b"ID3\x04\x00\x00\x00\x00\x02\x00" + bytes(256) + MP3_FRAME * 4,
        b"ID3\x04\x00\x00\x00\x00\x00\x10" + bytes(16 + 3000) + MP3_FRAME * 4,
        b"\x17" * 500 + MP3_FRAME * 4,
    ],
    ids=["bare", "two frames", "ID3v1 behind", "ID3v2 before", "padding after tag", "cut out of a stream"],
)
def test_mp3_is_known_by_its_frames(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)

    assert sniff_audio(path) is AudioFormat.MP3


FOREIGN = {
    "a GIF picture": b"GIF89a",
    "a WebP picture": b"RIFF\x10\0\0\0WEBPVP8 ",
    "a HEIC or AVIF picture": b"\0\0\0\x18ftypheic\0\0\0\0",
    "a FLAC recording": b"fLaC\0\0\0\x22",
    "a WebM or Matroska file": b"\x1a\x45\xdf\xa3",
    "a PDF document": b"%PDF-1.7",
    "a playlist, which only names recordings": b"\xef\xbb\xbf\n#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    "an SVG drawing": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "an XML document": b"<?xml version='1.0'?><svg/>",
    "a web page": b"<!DOCTYPE html><title>404</title>",
    "a JSON document": b'{"detail": "not found"}',
    "plain text": "grüß Gott".encode(),
    "of no known type": bytes(range(256)),
}


@pytest.mark.parametrize(("seen", "content"), FOREIGN.items())
def test_anything_else_is_refused_by_name(tmp_path: Path, seen: str, content: bytes) -> None:
    path = tmp_path / "portrait.jpg"
    path.write_bytes(content)

    with pytest.raises(InvalidImageFormat) as image:
        sniff_image(path)
    with pytest.raises(InvalidAudioFormat) as audio:
        sniff_audio(path)

    assert (image.value.detail, audio.value.detail) == ("Invalid image file format", "Invalid audio file format")
    assert image.value.hint == f"the file is {seen}; a JPEG or PNG picture is needed"
    assert audio.value.hint == f"the file is {seen}; a WAV, MP3, OGG or M4A recording is needed"


@pytest.mark.parametrize(
    "script",
    [
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"[playlist]\nFile1=x\n",
    ],
    ids=["m3u8", "ffconcat", "pls"],
)
def test_a_playlist_by_any_name_is_refused_as_one(tmp_path: Path, script: bytes) -> None:
    path = tmp_path / "x.mp3"
    path.write_bytes(script)

    with pytest.raises(InvalidAudioFormat, match="a playlist"):
        sniff_audio(path)


@pytest.mark.parametrize(
    "content", [b"ID3", b"ID3\x04\0\0\x7f\x7f\x7f\x7f", b"\xff\xfb\x50\xc4" * 50, MP3_FRAME], ids=repr
)
def test_something_like_mp3_is_not_enough(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.mp3"
    path.write_bytes(content)

    with pytest.raises(InvalidAudioFormat):
        sniff_audio(path)


def test_no_bytes_are_their_own_error(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()

    with pytest.raises(EmptyFile, match="image file is empty"):
        sniff_image(path)
    with pytest.raises(EmptyFile, match="audio file is empty"):
        sniff_audio(path)
