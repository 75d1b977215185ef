"""Small videos of every kind, made on the spot. A frame's grey says its number, so that none can be lost unnoticed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from emo_hallo_ray.media.ffmpeg import file_url, run
from emo_hallo_ray.media.frames import Frames

STEP = 5  # grey levels from one frame to the next
DARKEST = 20
RATE_HZ = 48_000
X264 = ("-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv420p")


def write_film(
    path: Path,
    n_frames: int = 24,
    *,
    rate: str = "24",
    size: tuple[int, int] = (64, 48),
    video: Sequence[str] = X264,
    sound: Sequence[str] = (),
    sound_delay_s: float = 0.0,
    sound_s: float | None = None,
) -> Path:
    """Write a film whose container follows from its name.

    Args:
        size: width and height.
        sound: the encoder's options, such as `-c:a aac`; none, no sound.
        sound_s: its length; by default the picture's.
    """
    width, height = size
    frames = np.repeat(greys(n_frames).astype(np.uint8), width * height * 3).tobytes()
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{width}x{height}", "-framerate", rate]
    length_s = sound_s or n_frames / fraction(rate)
    noise = [*("-itsoffset", str(sound_delay_s)), *("-f", "lavfi", "-i", f"anoisesrc=d={length_s:.6f}:a=0.3:seed=1")]
    tracks = [*noise, "-map", "0:v", "-map", "1:a", *sound] if sound else []
    run([*raw, "-i", "pipe:0", *tracks, *video, file_url(path)], 30, stdin=[frames])
    return path


def fraction(rate: str) -> float:
    """Frames per second of "24" or "24000/1001"."""
    over, _, under = rate.partition("/")
    return int(over) / int(under or 1)


def greys(n_frames: int) -> NDArray[np.int64]:
    """What the frames of a film are filled with; they start again after the brightest."""
    return DARKEST + STEP * (np.arange(n_frames) % 45)


def numbers(frames: Frames) -> list[int]:
    """The numbers that frames of a film show."""
    centre = frames[:, frames.shape[1] // 2, frames.shape[2] // 2].mean(axis=1)
    return [round((grey - DARKEST) / STEP) for grey in centre]


def sound_md5(path: Path) -> bytes:
    """A checksum over the packets of all sound tracks."""
    return run(["-i", file_url(path), "-map", "0:a", "-c", "copy", "-f", "md5", "pipe:1"], 30)


def sound_lag_s(path: Path, original: Path) -> float:
    """How much later than in `original` the sound is, on clocks on which the picture starts at zero."""
    new, old = (_samples(film) for film in (path, original))
    similarity = fftconvolve(new, old[::-1])
    return float(similarity.argmax() - (len(old) - 1)) / RATE_HZ


def _samples(path: Path) -> NDArray[np.float32]:
    args = ["-i", file_url(path), "-map", "0:a:0", "-af", "aresample=async=1:first_pts=0", "-ar", str(RATE_HZ)]
    return np.frombuffer(run([*args, "-ac", "1", "-f", "f32le", "pipe:1"], 30), np.float32)
