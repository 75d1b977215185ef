"""A whole video enlarged: decoding, enlarging and encoding run side by side, in memory that does not grow with it."""

import logging
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from emo_hallo_ray import __version__
from emo_hallo_ray.media.encoder import Encoder, choose_encoder
from emo_hallo_ray.media.frames import Frames, split_first
from emo_hallo_ray.media.rendition import write_rendition
from emo_hallo_ray.media.source import VideoSource, decode_frames
from emo_hallo_ray.super_resolution.base import Enlarger
from emo_hallo_ray.super_resolution.prefetch import prefetch

log = logging.getLogger(__name__)

OnProgress = Callable[[int], None]  # frames enlarged so far


@dataclass(frozen=True)
class EnlargedVideo:
    """What `upscale_video` made."""

    path: Path
    method: str
    encoder: Encoder
    n_frames: int
    width_px: int
    height_px: int


def upscale_video(
    source: VideoSource, destination: Path, enlarger: Enlarger, on_progress: OnProgress = lambda n_frames: None
) -> EnlargedVideo:
    """Enlarge a video and keep its pace and sound; the MP4 appears whole or not at all.

    Args:
        enlarger: a fresh one.
        on_progress: called after every block, in the caller's thread.

    Raises:
        MediaToolFailed: ffmpeg failed to decode or to encode.
    """
    decoded = prefetch(decode_frames(source))
    with closing(prefetch(_enlarge(decoded, enlarger), n_ahead=1)) as enlarged:
        first, blocks = split_first(_reported(enlarged, on_progress))
        if first is None:
            raise ValueError(f"{enlarger.method} gave no frames")
        _, height_px, width_px, _ = first.shape
        encoder = choose_encoder(width_px, height_px)
        comment = (
            f"enlarged from {source.width_px}×{source.height_px} by emo-hallo-ray {__version__} ({enlarger.method})"
        )
        n_frames = write_rendition(blocks, destination, source, comment=comment, encoder=encoder)
    log.info("video enlarged", extra={"method": enlarger.method, "encoder": encoder, "n_frames": n_frames})
    return EnlargedVideo(destination, enlarger.method, encoder, n_frames, width_px, height_px)


def _enlarge(decoded: Generator[Frames], enlarger: Enlarger) -> Generator[Frames]:
    with closing(decoded):
        for frames in decoded:
            yield enlarger.push(frames)
        yield enlarger.finish()


def _reported(blocks: Iterable[Frames], on_progress: OnProgress) -> Generator[Frames]:
    n_frames = 0
    for block in blocks:
        yield block
        n_frames += len(block)
        on_progress(n_frames)
