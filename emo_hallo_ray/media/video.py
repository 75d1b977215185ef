"""Video files: segments encoded from frames, joined with sound without encoding again, and read back.

A segment is one CMAF fragment (fragmented MP4) that starts with an IDR frame and knows its place in the whole video.
It can be played alone, appended to a Media Source buffer, or listed in an HLS playlist with an `EXT-X-MAP`. There are
no B-frames: every frame is shown when it is decoded, so segments written one after another *are* the whole video.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.errors import MediaToolFailed
from emo_hallo_ray.media.encoder import CRF, Encoder, encoder_args
from emo_hallo_ray.media.ffmpeg import file_url, run
from emo_hallo_ray.media.frames import RGB_TO_YUV, YUV_TO_RGB, Frames, FrameWriter, split_first
from emo_hallo_ray.media.probe import VideoInfo as VideoInfo
from emo_hallo_ray.media.probe import probe_video as probe_video
from emo_hallo_ray.storage import atomic_path

FPS = 25
# fixed, because x264's output depends on it: equal frames must give equal bytes on every machine
N_ENCODER_THREADS = 2
GOP_FRAMES = 250
COPY_BYTES = 1024 * 1024
HEAD_BYTES = 4096  # of a segment, in front of its frames
METADATA_KEYS = frozenset({"title", "artist", "album", "comment", "description", "copyright", "date", "genre"})

PPM_HEADER = re.compile(rb"P6\n(?P<width>\d+) (?P<height>\d+)\n255\n")


def encode_segment(
    frames: Iterable[Frames],
    path: Path,
    *,
    first_frame: int,
    fps: int = FPS,
    crf: int = CRF,
    encoder: Encoder = "x264",
    timeout_s: float = 600.0,
) -> int:
    """Encode a stretch of video as H.264; the file appears whole or not at all.

    Args:
        frames: blocks of (F, H, W, 3) RGB, all of one even width and height; taken one at a time.
        first_frame: index of the first frame in the whole video, which becomes the segment's start time.
        crf: quality, 0 is best, 51 worst.
        encoder: the same one for all segments of a video, since players read its parameters once. Only x264 promises
            equal bytes for equal frames.
        timeout_s: including the time that `frames` takes.

    Returns:
        The number of frames written.

    Raises:
        ValueError: there are no frames, or their shapes do not fit.
        MediaToolFailed: ffmpeg failed or was too slow.
    """
    first, blocks = split_first(frames)
    if first is None:
        raise ValueError("a segment needs at least one frame")
    writer = FrameWriter(first.shape[1:])
    with atomic_path(path) as temporary:
        args = [
            *("-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{writer.width_px}x{writer.height_px}"),
            *("-framerate", str(fps), "-i", "pipe:0", "-vf", RGB_TO_YUV),
            *encoder_args(encoder, crf),
            *("-bf", "0", "-g", str(GOP_FRAMES), "-flags", "+cgop+bitexact", "-threads", str(N_ENCODER_THREADS)),
            *("-output_ts_offset", f"{first_frame / fps:.6f}"),
            *("-fflags", "+bitexact", "-movflags", "+cmaf+frag_discont", "-f", "mp4", file_url(temporary)),
        ]
        run(args, timeout_s, stdin=writer.to_bytes(blocks))
    return writer.n_frames


def join_segments(
    segments: Sequence[Path],
    sound: Path,
    n_frames: int,
    path: Path,
    metadata: Mapping[str, str],
    *,
    fps: int = FPS,
    timeout_s: float = 3600.0,
) -> VideoInfo:
    """Put segments and sound into one MP4 that can be played while it loads; it appears whole or not at all.

    Both are copied bit by bit.

    Args:
        segments: in order and complete; each says its own place in time.
        sound: what `encode_sound` made, of the picture's length.
        n_frames: what the segments add up to.
        metadata: title, artist, album, comment, description, copyright, date, genre.

    Raises:
        ValueError: a metadata key that MP4 has no place for.
        MediaToolFailed: ffmpeg failed, was too slow, or the segments do not make up the whole video, or one that plays.
    """
    if unknown := set(metadata) - METADATA_KEYS:
        raise ValueError(f"MP4 has no place for metadata {sorted(unknown)}; it has {sorted(METADATA_KEYS)}")
    _refuse_mixed(segments)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        args = [
            *("-f", "mov", "-i", "pipe:0", "-f", "mov", "-i", file_url(sound)),
            *("-map", "0:v:0", "-map", "1:a:0", "-c", "copy", "-map_metadata", "-1"),
            *(word for key, value in metadata.items() for word in ("-metadata", f"{key}={value}")),
            *("-movflags", "+faststart", "-f", "mp4", file_url(temporary)),
        ]
        run(args, timeout_s, stdin=_read_all(segments))
        info = probe_video(temporary, timeout_s)
        if info.n_frames != n_frames:
            raise MediaToolFailed(f"the joined video has {info.n_frames} frames, {n_frames} were expected")
    return info


def _refuse_mixed(segments: Iterable[Path]) -> None:
    """Raise unless all segments have the decoder's parameters in common.

    They are read from the first one alone: with those of another encoder the picture stops in the middle of the video,
    although every packet is there.
    """
    if len({_decoder_parameters(segment) for segment in segments}) > 1:
        raise MediaToolFailed("the segments were made by different encoders", "choose the encoder once per task")


def _decoder_parameters(segment: Path) -> bytes:
    """The `avcC` box, which holds H.264's sequence and picture parameter sets."""
    with segment.open("rb") as file:
        head = file.read(HEAD_BYTES)
    at = head.find(b"avcC")
    return head[at : at - 4 + int.from_bytes(head[at - 4 : at])] if at >= 4 else b""


def extract_frame(path: Path, index: int, *, fps: int = FPS, timeout_s: float = 60.0) -> NDArray[np.uint8]:
    """Decode one frame, (H, W, 3) RGB. Raises `IndexError` if the video is shorter."""
    frames = read_frames(path, index, 1, fps=fps, timeout_s=timeout_s)
    if not len(frames):
        raise IndexError(f"{path.name} has no frame {index}")
    first: NDArray[np.uint8] = frames[0]
    return first


def read_frames(path: Path, first_frame: int, n_frames: int, *, fps: int = FPS, timeout_s: float = 60.0) -> Frames:
    """Decode consecutive frames, (F, H, W, 3) RGB; fewer where the video ends. Indices count from the file's start."""
    start_s = max(0.0, (first_frame - 0.1) / fps)  # out of reach of rounding, too little for a frame to be repeated
    args = [
        *("-f", "mov", "-ss", f"{start_s:.6f}", "-i", file_url(path), "-map", "0:v:0"),
        *("-frames:v", str(n_frames), "-vf", YUV_TO_RGB, "-f", "image2pipe", "-c:v", "ppm", "pipe:1"),
    ]
    return _parse_ppms(run(args, timeout_s))


def _read_all(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(COPY_BYTES):
                yield block


def _parse_ppms(data: bytes) -> Frames:
    """Split binary PPM pictures of one size."""
    frames, at = [], 0
    while header := PPM_HEADER.match(data, at):
        width_px, height_px = int(header["width"]), int(header["height"])
        pixels = np.frombuffer(data, np.uint8, height_px * width_px * 3, offset=header.end())
        frames.append(pixels.reshape(height_px, width_px, 3))
        at = header.end() + pixels.size
    return np.stack(frames) if frames else np.empty((0, 0, 0, 3), np.uint8)
