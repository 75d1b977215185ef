"""Facts about a media file, from its packets; nothing is decoded. A pip-installed ffmpeg brings no ffprobe."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import takewhile
from pathlib import Path

from emo_hallo_ray.errors import MediaToolFailed
from emo_hallo_ray.media.ffmpeg import file_url, run, stream

DUMP_BLOCK_BYTES = 64 * 1024
FACT = re.compile(r"#(?P<name>\w+) (?P<stream>\d+): (?P<value>.*)")
PACKET = re.compile(r"(?P<stream>\d+), +-?\d+, +(?P<pts>-?\d+), +(?P<duration>\d+),")
LINE = re.compile(r"(?:\\[\s\S]|[^\\\n])+")
TAG = re.compile(r"(?P<key>(?:\\[\s\S]|[^\\=;#])+)=(?P<value>[\s\S]*)")
ESCAPED = re.compile(r"\\([\s\S])")


@dataclass(frozen=True)
class VideoInfo:
    """What a finished video is.

    Attributes:
        n_frames: counted, not estimated.
        audio_duration_s: 0 if there is no sound.
        codec, audio_codec: ffmpeg's names; `audio_codec` is None if there is no sound.
        metadata: container tags, such as "title" and "comment".
    """

    n_frames: int
    fps: float
    width_px: int
    height_px: int
    duration_s: float
    audio_duration_s: float
    codec: str
    audio_codec: str | None
    metadata: dict[str, str]
    size_bytes: int


def probe_video(path: Path, timeout_s: float = 60.0) -> VideoInfo:
    """Read an MP4's packets and tags.

    Raises:
        MediaToolFailed: it is not an MP4 with a picture.
    """
    source = ["-f", "mov", "-i", file_url(path)]
    video, *others = list_streams([*source, "-map", "0:v:0", "-map", "0:a:0?"], timeout_s)
    if video.n_packets == 0:
        raise MediaToolFailed(f"{path.name} has no frames")
    audio = others[0] if others else None
    tags = read_tags(source, timeout_s)
    width_px, height_px = video.facts["dimensions"].split("x")
    return VideoInfo(
        n_frames=video.n_packets,
        fps=video.n_packets / video.duration_s(),
        width_px=int(width_px),
        height_px=int(height_px),
        duration_s=video.duration_s(),
        audio_duration_s=audio.duration_s() if audio else 0.0,
        codec=video.facts["codec_id"],
        audio_codec=audio.facts["codec_id"] if audio else None,
        metadata=tags,
        size_bytes=path.stat().st_size,
    )


@dataclass
class StreamFacts:
    """What a container says about one stream; `facts` has ffmpeg's names: "codec_id", "tb", "dimensions", ..."""

    facts: dict[str, str] = field(default_factory=dict)
    n_packets: int = 0
    start: int | None = None  # in units of the time base, as is the end
    end: int = 0

    def count(self, pts: int, duration: int) -> None:
        self.n_packets += 1
        self.start = pts if self.start is None else min(self.start, pts)
        self.end = max(self.end, pts + duration)

    def duration_s(self) -> float:
        """From zero, where the picture starts: what an encoder needs before (AAC's priming) is not played."""
        return float((self.end - max(self.start or 0, 0)) * Fraction(self.facts["tb"]))


def list_streams(args: Sequence[str], timeout_s: float) -> list[StreamFacts]:
    """List the streams that `args`, an input and maps, choose. Reads the whole file, in constant memory."""
    streams: defaultdict[int, StreamFacts] = defaultdict(StreamFacts)
    for line in _lines([*args, "-c", "copy", "-f", "framecrc", "pipe:1"], timeout_s):
        if packet := PACKET.match(line):
            streams[int(packet["stream"])].count(int(packet["pts"]), int(packet["duration"]))
        elif fact := FACT.match(line):
            streams[int(fact["stream"])].facts[fact["name"]] = fact["value"]
    return [streams[index] for index in sorted(streams)]


def read_tags(source: Sequence[str], timeout_s: float) -> dict[str, str]:
    """Read the tags of a container, such as "title"; `source` are the arguments that open it."""
    return _parse_tags(run([*source, "-f", "ffmetadata", "pipe:1"], timeout_s).decode())


def _lines(args: Sequence[str], timeout_s: float) -> Iterator[str]:
    rest = ""
    for block in stream(args, timeout_s, DUMP_BLOCK_BYTES):
        *lines, rest = (rest + block.decode()).split("\n")
        yield from lines


def _parse_tags(text: str) -> dict[str, str]:
    """Parse FFMETADATA: "key=value" lines, in which a backslash makes the next character, even a line break, plain.

    Chapters and streams follow in sections with tags of their own.
    """
    of_file = takewhile(lambda line: not line.startswith("["), LINE.findall(text))
    pairs = (TAG.fullmatch(line) for line in of_file)
    return {ESCAPED.sub(r"\1", tag["key"]): ESCAPED.sub(r"\1", tag["value"]) for tag in pairs if tag}
