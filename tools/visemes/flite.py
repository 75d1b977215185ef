"""Speech with known phone times from flite: recorded American and Scottish voices, by their statistics."""

import subprocess
import tempfile
import wave
from math import gcd
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from emo_hallo_ray.media.audio import INT16_SCALE, SAMPLE_RATE_HZ, Samples
from tools.visemes.utterance import Phone, Utterance

PROGRAM = "flite"


def speak(text: str, voice: str, stretch: float = 1.0, pitch_hz: float | None = None) -> Utterance:
    """Speak a sentence.

    Args:
        voice: one that `flite -lv` lists.
        stretch: 1.2 takes a fifth longer.
        pitch_hz: mean of the melody, None for the voice's own.

    Returns:
        The sound at 16 kHz and its phones in ARPA.
    """
    settings = {"duration_stretch": stretch} | ({} if pitch_hz is None else {"int_f0_target_mean": pitch_hz})
    options = [option for name, value in settings.items() for option in ("--setf", f"{name}={value:g}")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        command = [PROGRAM, "-voice", voice, "-t", text, "-o", str(path), "-psdur", *options]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        samples = _read(path)
    return Utterance(samples, _parse(printed))


def _read(path: Path) -> Samples:
    with wave.open(str(path)) as wav:
        rate_hz = wav.getframerate()
        samples = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").astype(np.float32) / np.float32(INT16_SCALE)
    divisor = gcd(rate_hz, SAMPLE_RATE_HZ)
    resampled: Samples = resample_poly(samples, SAMPLE_RATE_HZ // divisor, rate_hz // divisor).astype(np.float32)
    return resampled


def _parse(printed: str) -> tuple[Phone, ...]:
    """`-psdur` prints "name:end name:end ...", in seconds."""
    named_ends = [entry.rsplit(":", 1) for entry in printed.split() if ":" in entry]
    ends = [float(end) for _, end in named_ends]
    starts = [0.0, *ends]
    names = ("" if name == "pau" else name for name, _ in named_ends)
    return tuple(Phone(*phone) for phone in zip(names, starts, ends, strict=False) if phone[2] > phone[1])
