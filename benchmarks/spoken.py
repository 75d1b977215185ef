"""Recordings of which it is known what was said when, by voices that the viseme network never heard in training."""

import random
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.engines.base import FPS
from emo_hallo_ray.engines.preview.speech.visemes import HOPS_PER_FRAME
from emo_hallo_ray.media.audio import SAMPLE_RATE_HZ, Samples
from tools.visemes.degrade import mix, pink
from tools.visemes.evaluate import JAW, OPEN_JAW, target_curves
from tools.visemes.labels import LabelledSpeech, Segment, to_hops
from tools.visemes.phonemes import CLASSES, is_vowel
from tools.visemes.voices import Voice, espeak_voice, flite_voice

N_SENTENCES = 4
PAUSE_S = 0.4
NOISE_DB = 10.0


@dataclass(frozen=True)
class Spoken:
    """A recording and its truth, at 25 frames a second.

    Attributes:
        path: 16 kHz WAV.
        opening: (N,) how far the lips of somebody who says this are apart, 0..1.
        closures: first and last frame of every m, b and p.
        open_vowels: (N,) frames in the middle of a vowel.
    """

    name: str
    path: Path
    is_noisy: bool
    opening: NDArray[np.float64]
    closures: Sequence[tuple[int, int]]
    open_vowels: NDArray[np.bool_]


def make_recordings(folder: Path) -> list[Spoken]:
    """A Scotsman, a woman who speaks German, and the Scotsman again in noise; none where a synthesizer is missing."""
    try:
        scotsman, woman = _say(flite_voice("awb", 130), seed=4), _say(espeak_voice("de", "de+f3", 60), seed=5)
    except OSError:
        return []
    noise = pink(len(scotsman.samples), np.random.default_rng(6))
    noisy = LabelledSpeech(mix(scotsman.samples, noise, NOISE_DB), scotsman.segments)
    return [
        _record("flite awb", scotsman, folder, is_noisy=False),
        _record("espeak-ng de+f3", woman, folder, is_noisy=False),
        _record("flite awb at 10 dB", noisy, folder, is_noisy=True),
    ]


def _say(voice: Voice, seed: int) -> LabelledSpeech:
    """Some sentences with pauses between them."""
    rng = random.Random(seed)
    pause = np.zeros(int(PAUSE_S * SAMPLE_RATE_HZ), np.float32)
    sounds: list[Samples] = [pause]
    segments: list[Segment] = []
    for _ in range(N_SENTENCES):
        start_s = sum(map(len, sounds)) / SAMPLE_RATE_HZ
        sentence = voice.speak(rng)
        segments += [Segment(s.viseme, s.start_s + start_s, s.end_s + start_s) for s in sentence.segments]
        sounds += [sentence.samples, pause]
    return LabelledSpeech(np.concatenate(sounds), tuple(segments))


def _record(name: str, speech: LabelledSpeech, folder: Path, is_noisy: bool) -> Spoken:
    path = folder / f"{name.replace(' ', '_')}.wav"
    loudest = float(np.abs(speech.samples).max())
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(SAMPLE_RATE_HZ)
        recording.writeframes(np.rint(speech.samples / loudest * 0.7 * 32767).astype("<i2").tobytes())
    n_frames = -(-len(speech.samples) * FPS // SAMPLE_RATE_HZ)
    targets = target_curves(speech, n_frames).astype(np.float64)
    jaw, close = targets[:, JAW], targets[:, 3]
    names = [CLASSES[label] for label in to_hops(speech.segments, n_frames * HOPS_PER_FRAME)]
    vowels = np.array([is_vowel(viseme) for viseme in names[HOPS_PER_FRAME // 2 :: HOPS_PER_FRAME]])
    closures = [(int(s.start_s * FPS), int((s.end_s - 1e-6) * FPS)) for s in speech.segments if s.viseme == "BMP"]
    return Spoken(name, path, is_noisy, jaw * (1 - close), closures, vowels & (jaw > OPEN_JAW))
