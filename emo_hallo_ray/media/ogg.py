"""OGG pages (RFC 3533): enough of them to tell that a file is whole."""

import zlib
from typing import BinaryIO

from emo_hallo_ray.errors import UnreadableAudio

CAPTURE = b"OggS\0"
HEADER_BYTES = 27
CRC_BYTES = slice(22, 26)
END_OF_STREAM = 4
# twice what four hours have at one page a packet; a file of empty pages would keep us busy
MAX_PAGES = 1_500_000
REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def check_pages(file: BinaryIO) -> None:
    """Raise `UnreadableAudio` unless the file is page after page to its end, each with the right checksum.

    A decoder leaves a damaged page out, a second of speech or more, and says nothing.
    """
    file.seek(0)
    is_over = False
    for index in range(MAX_PAGES):
        header = file.read(HEADER_BYTES)
        if not header or (is_over and not header.startswith(CAPTURE)):  # foreign tags may follow the end
            return
        table = file.read(header[-1]) if len(header) == HEADER_BYTES else b""
        body = file.read(sum(table))
        if not _is_page(header, table, body):
            raise UnreadableAudio(
                f"the recording is damaged or cut off in OGG page {index + 1}", "upload the complete file"
            )
        is_over = bool(header[5] & END_OF_STREAM)
    raise UnreadableAudio(f"the recording has over {MAX_PAGES} OGG pages", "save it again as WAV, MP3, OGG or M4A")


def _is_page(header: bytes, table: bytes, body: bytes) -> bool:
    is_complete = len(header) == HEADER_BYTES and len(table) == header[-1] and len(body) == sum(table)
    if not is_complete or not header.startswith(CAPTURE):
        return False
    without_crc = header[: CRC_BYTES.start] + bytes(4) + header[CRC_BYTES.stop :]
    return _crc(without_crc + table + body) == int.from_bytes(header[CRC_BYTES], "little")


def _crc(data: bytes) -> int:
    """OGG's CRC-32 is zlib's with every bit order reversed and neither end inverted."""
    crc = zlib.crc32(data.translate(REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)
