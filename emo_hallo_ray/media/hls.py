"""HLS (RFC 8216) of a video that is still being made: a playlist, and its parts put together as they are asked for.

A part is a finished segment's picture as it lies in storage, followed by its stretch of the sound as a fragment of a
second track. Nothing is encoded, so a part costs about as much as reading it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from emo_hallo_ray.media.boxes import box, children, find, full_box, read_top_level, uint32
from emo_hallo_ray.media.packets import PACKET_SAMPLES, read_packet_table
from emo_hallo_ray.media.sound import SOUND_RATE_HZ
from emo_hallo_ray.media.video import FPS

SOUND_TRACK = 2
SOUND_FLAGS = 0x02000000  # every packet can be decoded without another
BASE_IS_FRAGMENT, HAS_DURATION, HAS_FLAGS = 0x020000, 0x08, 0x20  # of a fragment's track header
HAS_OFFSET, HAS_SIZES = 0x01, 0x200  # of a run of packets


@dataclass(frozen=True)
class Span:
    """The frames of one segment."""

    first_frame: int
    n_frames: int

    @property
    def duration_s(self) -> float:
        """Length in time."""
        return self.n_frames / FPS


def write_playlist(parts: Sequence[tuple[str, float]], max_duration_s: float, is_over: bool, init: str) -> str:
    """A playlist that grows at its end until it is over.

    Args:
        parts: address and seconds of each part.
        max_duration_s: of any part, also of those to come.
        init: address of what `init_part` gives.
    """
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{math.ceil(max([max_duration_s, *(seconds for _, seconds in parts)]))}",
        "#EXT-X-PLAYLIST-TYPE:EVENT",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-START:TIME-OFFSET=0,PRECISE=YES",  # else players begin near the end of what grows
        f'#EXT-X-MAP:URI="{init}"',
    ]
    for address, seconds in parts:
        lines += [f"#EXTINF:{seconds:.3f},", address]
    if is_over:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


@lru_cache(maxsize=20_000)  # a finished segment never changes, and every look at a playlist asks about all of them
def measure_segment(path: Path) -> Span:
    """Which frames a segment holds, by its own word.

    Raises:
        ValueError: it is not one of ours.
    """
    fragments = [content for _, content in read_top_level(path, b"moof")]
    [(_, movie)] = read_top_level(path, b"moov")
    ticks_per_second = int.from_bytes(find(movie, b"trak", b"mdia", b"mdhd")[12:16])
    start_ticks = int.from_bytes(find(fragments[0], b"traf", b"tfdt")[4:])
    n_frames = sum(int.from_bytes(find(fragment, b"traf", b"trun")[4:8]) for fragment in fragments)
    return Span(start_ticks * FPS // ticks_per_second, n_frames)


def init_part(segment: Path, sound: Path) -> bytes:
    """What a player has to know before any part: both tracks, by the words of a segment and of the sound's M4A."""
    boxes = dict(read_top_level(segment, b"ftyp", b"moov"))
    movie = []
    for kind, content in children(boxes[b"moov"]):
        if kind == b"mvex":
            movie.append(_sound_track(read_packet_table(sound).track))
            content += full_box(b"trex", 0, 0, uint32(SOUND_TRACK, 1, PACKET_SAMPLES, 0, SOUND_FLAGS))
        movie.append(box(kind, content))
    return box(b"ftyp", boxes[b"ftyp"]) + box(b"moov", *movie)


def media_part(segment: Path, sound: Path) -> bytes:
    """One segment with its sound."""
    picture = [box(kind, content) for kind, content in read_top_level(segment, b"moof", b"mdat")]
    span = measure_segment(segment)
    samples_per_frame = SOUND_RATE_HZ // FPS
    start, end = (frame * samples_per_frame for frame in (span.first_frame, span.first_frame + span.n_frames))
    table = read_packet_table(sound)
    packets = table.starting_within(start, end)
    return b"".join(picture) + _sound_fragment(*table.read(packets), table.heard_from(packets.start))


def _sound_track(track: bytes) -> bytes:
    """An M4A's track without its packets: under our number, empty, of no length yet."""
    kept = []
    for kind, content in children(track):
        if kind == b"tkhd":  # version 0: times of creation and change, track number, reserved, duration
            content = content[:12] + uint32(SOUND_TRACK, 0, 0) + content[24:]
        if kind == b"mdia":
            content = b"".join(_without_packets(*child) for child in children(content))
        if kind != b"edts":  # the priming is skipped by not being sent
            kept.append(box(kind, content))
    return box(b"trak", *kept)


def _without_packets(kind: bytes, content: bytes) -> bytes:
    if kind == b"mdhd":  # version 0: times of creation and change, ticks per second, duration
        return box(kind, content[:16], uint32(0), content[20:])
    if kind != b"minf":
        return box(kind, content)
    empty = [full_box(name, 0, 0, uint32(0)) for name in (b"stts", b"stsc", b"stco")]
    stsd = box(b"stsd", find(content, b"stbl", b"stsd"))
    table = box(b"stbl", stsd, full_box(b"stsz", 0, 0, uint32(0, 0)), *empty)
    return box(kind, *(table if name == b"stbl" else box(name, inner) for name, inner in children(content)))


def _sound_fragment(sizes: list[int], data: bytes, first_sample: int) -> bytes:
    def fragment(offset: int) -> bytes:
        run = full_box(b"trun", 0, HAS_OFFSET | HAS_SIZES, uint32(len(sizes), offset, *sizes))
        header = uint32(SOUND_TRACK, PACKET_SAMPLES, SOUND_FLAGS)
        return box(
            b"moof",
            full_box(b"mfhd", 0, 0, uint32(1)),
            box(
                b"traf",
                full_box(b"tfhd", 0, BASE_IS_FRAGMENT | HAS_DURATION | HAS_FLAGS, header),
                full_box(b"tfdt", 1, 0, first_sample.to_bytes(8)),
                run,
            ),
        )

    return fragment(len(fragment(0)) + 8) + box(b"mdat", data)  # data begin behind the fragment and a box's header
