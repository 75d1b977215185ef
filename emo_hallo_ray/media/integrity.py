"""Finds recordings that are not all there: uploads that broke off, files copied halfway.

Decoders play what there is and report success, so the containers are asked instead. Nothing is decoded.
"""

from pathlib import Path
from typing import BinaryIO

from emo_hallo_ray.errors import UnreadableAudio
from emo_hallo_ray.media import mpeg, ogg
from emo_hallo_ray.media.sniff import AudioFormat

# programs that count the header in, or round up; so little missing is not heard
WAV_SLACK_BYTES = 64
# a length from here on was written by a program that did not know it, as when it wrote to a pipe
UNKNOWN_LENGTH_BYTES = 0x7FFF_0000
# files of many tiny chunks would keep us busy
MAX_CHUNKS = 10_000
MP4_BOXES = frozenset(b"ftyp moov mdat moof free skip wide udta meta uuid sidx styp mfra".split())


def refuse_damaged(path: Path, audio_format: AudioFormat) -> None:
    """Raise `UnreadableAudio` if the file is shorter than its own headers promise, or an OGG's checksums are wrong."""
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        match audio_format:
            case AudioFormat.WAV:
                promised_bytes = _wav_end(file)
            case AudioFormat.MP3:
                promised_bytes = mpeg.promised_end(file)
            case AudioFormat.M4A:
                promised_bytes = _mp4_end(file, size_bytes)
            case AudioFormat.OGG:
                ogg.check_pages(file)
                return
    if promised_bytes is not None and promised_bytes > size_bytes:
        raise UnreadableAudio(
            f"the recording is cut off: its headers promise {promised_bytes} bytes, the file has {size_bytes}",
            "upload the complete file",
        )


def _wav_end(file: BinaryIO) -> int | None:
    """End of the `data` chunk; in RF64 its length is in the `ds64` chunk before it."""
    at, long_size = 12, None
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        header = file.read(8)
        if len(header) < 8:
            return None
        name, size = header[:4], int.from_bytes(header[4:], "little")
        if name == b"ds64":
            long_size = int.from_bytes(file.read(16)[8:], "little")
        if name == b"data":
            size = long_size if long_size is not None else size
            return None if size >= UNKNOWN_LENGTH_BYTES else at + 8 + size - WAV_SLACK_BYTES
        at += 8 + size + size % 2
    return None


def _mp4_end(file: BinaryIO, size_bytes: int) -> int:
    """End of the last box that is one; what follows it, such as a foreign tag, promises nothing."""
    at, n_boxes = 0, 0
    while at < size_bytes and n_boxes < MAX_CHUNKS:
        file.seek(at)
        header = file.read(16)
        size, name = int.from_bytes(header[:4]), header[4:8]
        if size == 1:
            size = int.from_bytes(header[8:])
        if name not in MP4_BOXES or size < 8:
            break
        at += size
        n_boxes += 1
    return at
