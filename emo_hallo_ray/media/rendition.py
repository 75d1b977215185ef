"""A video made from another one: new frames, the same pace, the same sound."""

from collections.abc import Iterable
from fractions import Fraction
from math import ceil
from pathlib import Path

from emo_hallo_ray.media.encoder import Encoder, encoder_args
from emo_hallo_ray.media.ffmpeg import file_url, run
from emo_hallo_ray.media.frames import RGB_TO_YUV, Frames, FrameWriter, split_first
from emo_hallo_ray.media.source import NO_HURRY_S, OPEN, PICTURE, VideoSource
from emo_hallo_ray.storage import atomic_path

# what players of MP4 play; Vorbis and PCM, say, can be stored too, but many are then silent
COPIED_CODECS = frozenset({"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"})
SOUND_BITRATE = "192k"
# encoders of sound begin before its start, and players skip that; a track that begins earlier means it
PRIMING_S = Fraction(1, 20)


def write_rendition(
    frames: Iterable[Frames],
    path: Path,
    source: VideoSource,
    *,
    comment: str,
    encoder: Encoder = "x264",
    timeout_s: float = NO_HURRY_S,
) -> int:
    """Write an MP4 with new frames and the sound of `source`; it appears whole or not at all.

    Sound is copied bit by bit where MP4 players know its codec, else encoded as AAC. It keeps its place in time.

    Args:
        frames: blocks of (F, H, W, 3) RGB, all of one even width and height; taken one at a time.
        comment: is appended to the comment that the source has.

    Returns:
        The number of frames written.

    Raises:
        ValueError: there are no frames, or their shapes do not fit.
        MediaToolFailed: ffmpeg failed or was too slow.
    """
    first, blocks = split_first(frames)
    if first is None:
        raise ValueError("a video needs at least one frame")
    writer = FrameWriter(first.shape[1:])
    zero_s = _time_zero(source)
    aspect = f"{source.pixel_aspect.numerator}/{source.pixel_aspect.denominator}"
    comments = [*([source.tags["comment"]] if source.tags.get("comment") else []), comment]
    with atomic_path(path) as temporary:
        args = [
            *("-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{writer.width_px}x{writer.height_px}"),
            *("-framerate", f"{source.fps.numerator}/{source.fps.denominator}"),
            *("-itsoffset", f"{float(source.start_s - zero_s):.6f}", "-i", "pipe:0"),
            *(*OPEN, "-itsoffset", f"{float(-zero_s):.6f}", "-i", file_url(source.path)),
            *("-map", "0:v:0", "-map", "1:a?", "-map_metadata", "1", "-metadata", f"comment={'; '.join(comments)}"),
            *("-vf", f"{RGB_TO_YUV},setsar={aspect}", *encoder_args(encoder), *_sound_args(source)),
            *("-movflags", "+faststart", "-f", "mp4", file_url(temporary)),
            # read and dropped, because the sound's clock depends on what is read with it
            *("-map", f"1:{PICTURE}", "-c", "copy", "-f", "null", "-"),
        ]
        run(args, timeout_s, stdin=writer.to_bytes(blocks))
    return writer.n_frames


def _sound_args(source: VideoSource) -> list[str]:
    args = []
    for index, track in enumerate(source.sound):
        if track.codec in COPIED_CODECS:
            args += [f"-c:a:{index}", "copy"]
        else:
            args += [f"-c:a:{index}", "aac", f"-b:a:{index}", SOUND_BITRATE]
    return args


def _time_zero(source: VideoSource) -> Fraction:
    """Where the new video starts on the source's clock: with its first frame, or where sound comes before, with that.

    Whole frames before the picture, because ffmpeg rounds the times of bare frames to their rate.
    """
    # what is before zero is skipped by players: priming, and what an edit list cuts off
    first_sound_s = max(Fraction(0), min((track.start_s for track in source.sound), default=source.start_s))
    lead_s = source.start_s - first_sound_s
    return source.start_s - (ceil(lead_s * source.fps) / source.fps if lead_s > PRIMING_S else 0)
