"""Recordings and frames made on the spot: tones from `sin`, everything compressed by the real ffmpeg."""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.media.ffmpeg import file_url, run

ENCODERS = {
    "wav": ["-f", "wav", "-c:a", "pcm_s16le"],
    "rf64": ["-f", "wav", "-rf64", "always", "-c:a", "pcm_s16le"],
    "wav_float": ["-f", "wav", "-c:a", "pcm_f32le"],
    "wav_8bit": ["-f", "wav", "-c:a", "pcm_u8"],
    "mp3": ["-f", "mp3", "-c:a", "libmp3lame", "-b:a", "64k"],
    "mp3_bare": ["-f", "mp3", "-c:a", "libmp3lame", "-b:a", "64k", "-write_xing", "0", "-id3v2_version", "0"],
    "ogg_vorbis": ["-f", "ogg", "-c:a", "libvorbis"],
    "ogg_opus": ["-f", "ogg", "-c:a", "libopus", "-b:a", "32k"],
    "m4a": ["-f", "ipod", "-c:a", "aac"],
    "m4a_faststart": ["-f", "ipod", "-c:a", "aac", "-movflags", "+faststart"],
    "mp4_fragmented": ["-f", "mp4", "-c:a", "aac", "-movflags", "+frag_keyframe+empty_moov"],
}


def tone(duration_s: float, rate_hz: int = 16_000, n_channels: int = 1, amplitude: float = 0.3) -> NDArray[np.int16]:
    """(n, C) of a 440 Hz tone, equal in all channels."""
    times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    samples = np.rint(np.sin(2 * np.pi * 440 * times_s) * amplitude * 32767).astype(np.int16)
    return np.repeat(samples[:, None], n_channels, axis=1)


def write_wav(path: Path, samples: NDArray[np.int16], rate_hz: int = 16_000) -> Path:
    """Write (n, C) samples."""
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(samples.shape[1])
        wav.setsampwidth(2)
        wav.setframerate(rate_hz)
        wav.writeframes(samples.astype("<i2").tobytes())
    return path


def write_float_wav(path: Path, samples: NDArray[np.float32], rate_hz: int = 16_000) -> Path:
    """Write (n,) samples as they are, numbers or not."""
    data = samples.astype("<f4").tobytes()
    fmt = np.array([3, 1], "<u2").tobytes() + np.array([rate_hz, rate_hz * 4], "<u4").tobytes() + bytes([4, 0, 32, 0])
    chunks = b"WAVE" + chunk(b"fmt ", fmt) + chunk(b"data", data)
    path.write_bytes(chunk(b"RIFF", chunks))
    return path


def chunk(name: bytes, content: bytes) -> bytes:
    """A RIFF chunk."""
    return name + len(content).to_bytes(4, "little") + content


def write_recording(
    path: Path, kind: str, duration_s: float = 1.0, rate_hz: int = 16_000, n_channels: int = 1, amplitude: float = 0.3
) -> Path:
    """Write a tone as one of `ENCODERS`."""
    raw = tone(duration_s, rate_hz, n_channels, amplitude).astype("<i2").tobytes()
    source = ["-f", "s16le", "-ar", str(rate_hz), "-ac", str(n_channels), "-i", "pipe:0"]
    run([*source, *ENCODERS[kind], file_url(path)], 30, stdin=[raw])
    return path


def moving_frames(n_frames: int, width_px: int = 64, height_px: int = 48, seed: int = 0) -> NDArray[np.uint8]:
    """(F, H, W, 3): a smooth random picture that scrolls by a pixel a frame, so that no two frames are equal."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height_px // 8 + 1, width_px // 8 + 1, 3))
    picture = np.kron(coarse, np.ones((8, 8, 1)))[:height_px, :width_px].astype(np.uint8)
    return np.stack([np.roll(picture, shift, axis=1) for shift in range(n_frames)])
