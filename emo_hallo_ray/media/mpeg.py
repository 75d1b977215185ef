"""MPEG audio frame headers (ISO 11172-3): enough of them to recognise an MP3 and to read the length it promises."""

from dataclasses import dataclass
from typing import BinaryIO

# by the version bits: 3 is MPEG-1, 2 is MPEG-2, 0 is MPEG-2.5
SAMPLE_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
BITRATES_KBPS = {
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    0: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
LAYER_3 = 1
MAX_FRAME_BYTES = 1441
# where no ID3 tag says where sound begins, a file cut out of a stream may start inside a frame
MAX_LEAD_IN_BYTES = 2 * MAX_FRAME_BYTES
# after a tag there may be padding that the tag does not own up to
MAX_PADDING_BYTES = 64 * 1024
N_FRAMES_THAT_CONVINCE = 3


@dataclass(frozen=True)
class FrameHeader:
    """What the four bytes before each frame say."""

    version: int
    sample_rate_hz: int
    size_bytes: int  # to the next header


def parse_header(data: bytes) -> FrameHeader | None:
    """Read a layer III header from the first four bytes; None if they are not one."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    version, layer = data[1] >> 3 & 3, data[1] >> 1 & 3
    bitrate, sample_rate = data[2] >> 4, data[2] >> 2 & 3
    if layer != LAYER_3 or version not in SAMPLE_RATES_HZ or bitrate in (0, 15) or sample_rate == 3:
        return None
    rate_hz = SAMPLE_RATES_HZ[version][sample_rate]
    n_samples = 1152 if version == 3 else 576
    size_bytes = n_samples // 8 * BITRATES_KBPS[version][bitrate - 1] * 1000 // rate_hz + (data[2] >> 1 & 1)
    return FrameHeader(version, rate_hz, size_bytes)


def find_first_frame(file: BinaryIO) -> int | None:
    """Byte offset of the first frame that is followed by others like it; None where there is no such thing."""
    start = _end_of_id3(file)
    reach = MAX_PADDING_BYTES if start else MAX_LEAD_IN_BYTES
    file.seek(start)
    data = file.read(reach + N_FRAMES_THAT_CONVINCE * MAX_FRAME_BYTES)
    is_whole = not file.read(1)
    offset = data.find(0xFF)
    while 0 <= offset < reach:
        if _is_run_of_frames(data, offset, is_whole):
            return start + offset
        offset = data.find(0xFF, offset + 1)
    return None


def promised_end(file: BinaryIO) -> int | None:
    """Byte offset that the last frame reaches according to the Xing header; None if the encoder wrote none.

    Encoders disagree on whether the frame with that header counts, so one frame is given away.
    """
    start = find_first_frame(file)
    if start is None:
        return None
    file.seek(start)
    frame = file.read(MAX_FRAME_BYTES)
    tag = max(frame.find(b"Xing", 0, 64), frame.find(b"Info", 0, 64))
    if tag < 0:
        return None
    flags = int.from_bytes(frame[tag + 4 : tag + 8])
    has_n_frames, has_n_bytes = flags & 1, flags & 2
    at = tag + 8 + 4 * has_n_frames
    return start + int.from_bytes(frame[at : at + 4]) - MAX_FRAME_BYTES if has_n_bytes else None


def _end_of_id3(file: BinaryIO) -> int:
    """Skip ID3v2 tags; there can be several. The size is four times seven bits."""
    end = 0
    while True:
        file.seek(end)
        tag = file.read(10)
        if len(tag) < 10 or not tag.startswith(b"ID3"):
            return end
        has_footer = tag[5] & 0x10
        end += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
        end += 10 if has_footer else 0


def _is_run_of_frames(data: bytes, offset: int, is_whole: bool) -> bool:
    """Whether frames follow one another from here; a very short file may have fewer than convince elsewhere."""
    first = parse_header(data[offset : offset + 4])
    header, n_frames = first, 0
    while header is not None and first is not None:
        if (header.version, header.sample_rate_hz) != (first.version, first.sample_rate_hz):
            break
        n_frames += 1
        if n_frames == N_FRAMES_THAT_CONVINCE:
            return True
        offset += header.size_bytes
        header = parse_header(data[offset : offset + 4])
    reached_end = offset >= len(data) or data.startswith(b"TAG", offset)
    return is_whole and reached_end and n_frames >= 2
