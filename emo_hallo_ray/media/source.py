"""Any video that ffmpeg reads: what it is, and its frames from the first to the last, in constant memory.

Playlists and whatever else points to other files or to the network stay shut: only containers are opened.
"""

import re
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from emo_hallo_ray.errors import MediaToolFailed, UnreadableVideo
from emo_hallo_ray.media.ffmpeg import file_url, run, stream, timed_out
from emo_hallo_ray.media.frames import SCALER, Frames
from emo_hallo_ray.media.probe import PACKET, StreamFacts, list_streams, read_tags

CONTAINERS = "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,mxf,nut,ivf,h264,hevc,av1,obu,gif,yuv4mpegpipe"
OPEN = ("-format_whitelist", CONTAINERS)
# pictures on the cover of a song are no video
PICTURE = "V:0"
FIRST_FRAME = ("-map", f"0:{PICTURE}", "-frames:v", "1")
COMPLAINER = re.compile(r"\[[^\]]* @ 0x[0-9a-f]+\] *")
MICROSECOND = Fraction(1, 1_000_000)
BLOCK_BYTES = 4 * 1024 * 1024
# of hours of video on a slow machine; a person who waits has Ctrl-C
NO_HURRY_S = 7 * 24 * 3600.0


@dataclass(frozen=True)
class SoundTrack:
    """One sound track.

    Attributes:
        codec: ffmpeg's name, such as "aac" or "pcm_s16le".
        start_s: of its first packet, on the clock that ffmpeg gives to picture and sound when it reads both.
    """

    codec: str
    start_s: Fraction


@dataclass(frozen=True)
class VideoSource:
    """A video as a player shows it.

    Attributes:
        width_px, height_px: after rotation; odd sides stay odd.
        fps: frames per second, exact; of a variable rate its nominal one.
        pixel_aspect: width of a pixel over its height.
        n_frames: at `fps`, estimated from the packets' times.
        start_s: of the first frame, on the same clock as the sound's start.
        sound: its tracks, none if it is silent.
        tags: "title", "comment" and the like.
    """

    path: Path
    width_px: int
    height_px: int
    fps: Fraction
    pixel_aspect: Fraction
    n_frames: int
    start_s: Fraction
    duration_s: float
    sound: tuple[SoundTrack, ...]
    tags: dict[str, str]

    @property
    def has_sound(self) -> bool:
        """Whether there is a sound track."""
        return bool(self.sound)


def probe_source(path: Path, timeout_s: float = NO_HURRY_S) -> VideoSource:
    """Find out what a video is; reads the file once and decodes one frame.

    Raises:
        UnreadableVideo: ffmpeg finds no video in it, or no frame that decodes.
    """
    source = [*OPEN, "-i", file_url(path)]
    try:
        video, *sound = list_streams([*source, "-map", f"0:{PICTURE}", "-map", "0:a?"], timeout_s)
        header = _read_y4m_header(source, timeout_s)
        start_s = _find_start_s(source, timeout_s, has_sound=bool(sound))
    except MediaToolFailed as error:
        if timed_out(error):
            raise
        raise UnreadableVideo(f"{path.name} is not a video that can be read", _first_reason(error.detail)) from error
    if header is None or start_s is None:
        raise UnreadableVideo(f"{path.name} has no frame that decodes")
    fps = Fraction(header["F"].replace(":", "/"))
    duration_s = max(1 / fps, video.end * Fraction(video.facts["tb"]) - start_s)
    return VideoSource(
        path=path,
        width_px=int(header["W"]),
        height_px=int(header["H"]),
        fps=fps,
        pixel_aspect=_parse_aspect(header.get("A", "0:0")),
        n_frames=round(duration_s * fps),
        start_s=start_s,
        duration_s=float(duration_s),
        sound=tuple(SoundTrack(track.facts["codec_id"], _start_s(track)) for track in sound),
        tags=read_tags(source, timeout_s),
    )


def decode_frames(
    source: VideoSource, block_bytes: int = BLOCK_BYTES, timeout_s: float = NO_HURRY_S
) -> Generator[Frames]:
    """Decode a video from its first frame to its last, as blocks of (F, H, W, 3) RGB.

    A variable rate becomes constant: frames repeat where the next one is late. Transparency is ignored.

    Args:
        block_bytes: of one block, which has one frame at least.

    Raises:
        MediaToolFailed: ffmpeg failed or was too slow, after the frames that it gave.
    """
    frame_bytes = source.width_px * source.height_px * 3
    n_block_frames = max(1, block_bytes // frame_bytes)
    args = [
        # afresh, filters would put the first frame after a change at the start again
        *(*OPEN, "-reinit_filter", "0", "-i", file_url(source.path), "-map", f"0:{PICTURE}"),
        *("-r", f"{source.fps.numerator}/{source.fps.denominator}"),
        # a size, since some videos change theirs on the way
        *("-vf", f"setpts=PTS-STARTPTS,scale={source.width_px}:{source.height_px}:out_range=pc:{SCALER},format=rgb24"),
        *("-f", "rawvideo", "pipe:1"),
    ]
    with closing(stream(args, timeout_s, n_block_frames * frame_bytes)) as blocks:
        for block in blocks:
            # a copy, because bytes cannot be written to and torch warns of arrays that cannot
            yield np.frombuffer(block, np.uint8).reshape(-1, source.height_px, source.width_px, 3).copy()


def _first_reason(said: str) -> str:
    """The first of ffmpeg's complaints; the others follow from it."""
    return COMPLAINER.sub("", said.removeprefix("ffmpeg failed: ")).splitlines()[0]


def _read_y4m_header(source: Sequence[str], timeout_s: float) -> dict[str, str] | None:
    """Decode a frame to "YUV4MPEG2 W640 H480 F24000:1001 ...", which says size, exact rate and aspect in words."""
    data = run([*source, *FIRST_FRAME, "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "pipe:1"], timeout_s)
    words = data[: data.find(b"\n")].decode(errors="replace").split(" ")
    return {word[0]: word[1:] for word in words[1:] if word} if words[0] == "YUV4MPEG2" else None


def _find_start_s(source: Sequence[str], timeout_s: float, *, has_sound: bool) -> Fraction | None:
    """When the first frame is shown. Packets do not tell, since edit lists make players skip some."""
    with_sound = ["-map", "0:a", "-frames:a", "1", "-c", "copy", "-f", "null", "-"] if has_sound else []
    clock = ["-enc_time_base", "1:1000000", "-f", "framecrc", "pipe:1"]
    lines = run([*source, *FIRST_FRAME, *clock, *with_sound], timeout_s).decode().splitlines()
    first = next(filter(None, map(PACKET.match, lines)), None)
    return None if first is None else int(first["pts"]) * MICROSECOND


def _parse_aspect(text: str) -> Fraction:
    width, height = (int(number) for number in text.split(":"))
    return Fraction(width, height) if width > 0 and height > 0 else Fraction(1)


def _start_s(stream_facts: StreamFacts) -> Fraction:
    return (stream_facts.start or 0) * Fraction(stream_facts.facts["tb"])
