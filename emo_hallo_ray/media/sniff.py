"""Tells what a file is by its content. Its name and the type that came with the upload are never asked."""

from enum import StrEnum
from pathlib import Path

from emo_hallo_ray.errors import EmptyFile, InvalidAudioFormat, InvalidImageFormat
from emo_hallo_ray.media.mpeg import find_first_frame

HEAD_BYTES = 512


class ImageFormat(StrEnum):
    """Pictures that are accepted."""

    JPEG = "jpeg"
    PNG = "png"


class AudioFormat(StrEnum):
    """Recordings that are accepted. The value is the ffmpeg demuxer that must read it and no other may."""

    WAV = "wav"
    MP3 = "mp3"
    OGG = "ogg"
    M4A = "mov"


IMAGE_SIGNATURES = {b"\xff\xd8\xff": ImageFormat.JPEG, b"\x89PNG\r\n\x1a\n": ImageFormat.PNG}
PICTURE_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1", b"avif", b"avis", b"crx "})
UNKNOWN = "of no known type"
PLAYLIST = "a playlist, which only names recordings"

# (offset, bytes, name), the first match wins; ours are here because either kind is sent in the other's place
SIGNATURES = (
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (0, b"GIF8", "a GIF picture"),
    (8, b"WEBP", "a WebP picture"),
    (0, b"II*\0", "a TIFF picture"),
    (0, b"MM\0*", "a TIFF picture"),
    (0, b"8BPS", "a Photoshop file"),
    (8, b"WAVE", "a WAV recording"),
    (8, b"AVI ", "an AVI video"),
    (4, b"ftyp", "an MP4 or M4A file"),
    (0, b"OggS", "an OGG recording"),
    (0, b"fLaC", "a FLAC recording"),
    (0, b"ID3", "an ID3 tag with no MP3 behind it"),
    (0, b"\xff\xf1", "a bare AAC stream"),
    (0, b"\xff\xf9", "a bare AAC stream"),
    (8, b"AIFF", "an AIFF recording"),
    (8, b"AIFC", "an AIFF recording"),
    (0, b"#!AMR", "an AMR recording"),
    (0, b"caff", "a CAF recording"),
    (0, b"MThd", "a MIDI file"),
    (0, b"\x30\x26\xb2\x75", "a Windows Media file"),
    (0, b"\x1a\x45\xdf\xa3", "a WebM or Matroska file"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive or office document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
    (0, b"BM", "a BMP picture"),
)
# at the start of a text, small letters, blanks before it skipped
TEXT_SIGNATURES = (
    ("#extm3u", PLAYLIST),
    ("[playlist]", PLAYLIST),
    ("ffconcat", PLAYLIST),
    ("<asx", PLAYLIST),
    ("<smil", PLAYLIST),
    ("<svg", "an SVG drawing"),
    ("<!doctype html", "a web page"),
    ("<html", "a web page"),
    ("<?xml", "an XML document"),
    ("{", "a JSON document"),
)


def sniff_image(path: Path) -> ImageFormat:
    """Tell JPEG from PNG.

    Raises:
        EmptyFile: there are no bytes.
        InvalidImageFormat: it is anything else; the hint names what.
    """
    head = _read_head(path, "image")
    for signature, image_format in IMAGE_SIGNATURES.items():
        if head.startswith(signature):
            return image_format
    raise InvalidImageFormat(hint=f"the file is {describe(head)}; a JPEG or PNG picture is needed")


def sniff_audio(path: Path) -> AudioFormat:
    """Tell WAV, MP3, OGG and M4A apart. MP4 counts as M4A, whether or not it has sound.

    Raises:
        EmptyFile: there are no bytes.
        InvalidAudioFormat: it is anything else; the hint names what.
    """
    head = _read_head(path, "audio")
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return AudioFormat.WAV
    if head.startswith(b"OggS\0"):
        return AudioFormat.OGG
    if head[4:8] == b"ftyp" and head[8:12] not in PICTURE_BRANDS:
        return AudioFormat.M4A
    if head.startswith((b"ID3", b"\xff")) or describe(head) == UNKNOWN:
        with path.open("rb") as file:
            if find_first_frame(file) is not None:
                return AudioFormat.MP3
    raise InvalidAudioFormat(hint=f"the file is {describe(head)}; a WAV, MP3, OGG or M4A recording is needed")


def describe(head: bytes) -> str:
    """Name a file from its first bytes, in words that follow "the file is"."""
    if head[4:8] == b"ftyp" and head[8:12] in PICTURE_BRANDS:
        return "a HEIC or AVIF picture"
    for offset, signature, name in SIGNATURES:
        if head.startswith(signature, offset):
            return name
    return _describe_text(head)


def _describe_text(head: bytes) -> str:
    text = head.decode("utf-8-sig", errors="ignore").lstrip().lower()
    for signature, name in TEXT_SIGNATURES:
        if text.startswith(signature):
            return name
    is_text = not any(byte < 0x20 and byte not in b"\t\n\r\f\x1b" for byte in head) and _is_utf8(head)
    return "plain text" if is_text else UNKNOWN


def _is_utf8(head: bytes) -> bool:
    """Whether it decodes, except that the cut after the head may have split a character."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3
    return True


def _read_head(path: Path, kind: str) -> bytes:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise EmptyFile(f"the {kind} file is empty", "choose a file with content")
    return head
