"""What happens to speech on its way to a file: rooms, telephones, noise, music, clipping."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from emo_hallo_ray.media.audio import SAMPLE_RATE_HZ, Samples

Noise = Callable[[int, Generator], Samples]  # so many samples of root mean square 1


def degrade(speech: Samples, babble: Samples, rng: Generator) -> Samples:
    """A random recording of it: about a fifth clean, the rest with noise from 2 to 30 dB below the speech.

    Args:
        babble: other people's speech, for the background; at least as long.
    """
    sound = speech
    if rng.random() < 0.5:
        sound = equalize(sound, rng)
    if rng.random() < 0.35:
        sound = add_room(sound, rng.uniform(0.15, 0.9), rng.uniform(-3, 15), rng)
    if rng.random() < 0.8:
        crowd = normalize(babble[: len(sound)])
        sound = mix(sound, draw_noise(len(sound), rng, [lambda *_: crowd] * 2), rng.uniform(2, 30))
    if rng.random() < 0.3:
        sound = limit_band(sound, rng.uniform(80, 350), rng.uniform(3200, 7500))
    if rng.random() < 0.12:
        sound = clip(sound, rng.uniform(0.15, 0.6))
    return (sound / max(1e-6, float(np.abs(sound).max())) * 10 ** rng.uniform(-1.5, -0.05)).astype(np.float32)


def draw_noise(n_samples: int, rng: Generator, others: Sequence[Noise] = ()) -> Samples:
    """One kind of noise without speech or of the others, or two together."""
    kinds = (white, pink, pink, hum, music, music, bursts, *others)
    noise: Samples = kinds[rng.integers(len(kinds))](n_samples, rng)
    if rng.random() < 0.25:
        noise = noise + kinds[rng.integers(len(kinds))](n_samples, rng) * 10 ** rng.uniform(-1, 0)
    return normalize(noise)


def mix(speech: Samples, noise: Samples, snr_db: float) -> Samples:
    """Add noise of root mean square 1 so that the speech, without its pauses, is so much louder."""
    return (speech + noise * (active_level(speech) * 10 ** (-snr_db / 20))).astype(np.float32)


def active_level(speech: Samples) -> float:
    """Root mean square over the 20 ms blocks within 30 dB of the loudest ones."""
    block = SAMPLE_RATE_HZ // 50
    power = np.square(speech[: len(speech) // block * block]).reshape(-1, block).mean(axis=1)
    if not len(power):
        return 0.0
    return float(np.sqrt(power[power >= np.percentile(power, 95) / 1000].mean()))


def normalize(sound: Samples) -> Samples:
    """To a root mean square of 1."""
    level = float(np.sqrt(np.square(sound).mean())) + 1e-9
    return (sound / np.float32(level)).astype(np.float32)


def white(n_samples: int, rng: Generator) -> Samples:
    """Equal power everywhere."""
    return rng.standard_normal(n_samples, np.float32)


def pink(n_samples: int, rng: Generator) -> Samples:
    """Power falling with frequency by 1 to 6 dB per octave: air, rooms, traffic."""
    spectrum = np.fft.rfft(white(n_samples, rng))
    hz = np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE_HZ)
    return normalize(np.fft.irfft(spectrum / np.maximum(hz, 40) ** rng.uniform(0.2, 1.0), n_samples).astype(np.float32))


def hum(n_samples: int, rng: Generator) -> Samples:
    """Mains and its harmonics, with some hiss."""
    time_s = np.arange(n_samples) / SAMPLE_RATE_HZ
    harmonics = np.arange(1, 14)[:, None] * rng.choice([50.0, 60.0])
    weights = rng.uniform(0, 1, (13, 1)) / np.arange(1, 14)[:, None]
    tones = (weights * np.sin(2 * np.pi * (harmonics * time_s + rng.random((13, 1))))).sum(axis=0)
    return normalize(tones.astype(np.float32) + 0.1 * white(n_samples, rng))


def bursts(n_samples: int, rng: Generator) -> Samples:
    """Noise that comes and goes: keys, steps, wind."""
    n_knots = n_samples * 4 // SAMPLE_RATE_HZ + 4
    gains = 10 ** (rng.uniform(-30, 10, n_knots) / 20)
    envelope = np.interp(np.linspace(0, n_knots - 1, n_samples), np.arange(n_knots), gains)
    return normalize((pink(n_samples, rng) * envelope).astype(np.float32))


def music(n_samples: int, rng: Generator) -> Samples:
    """Chords of decaying tones, a bass and a drum, at a tempo of their own."""
    beat = int(SAMPLE_RATE_HZ * 60 / rng.uniform(70, 150))
    sound = np.zeros(n_samples + 4 * beat, np.float32)
    root_hz = rng.uniform(90, 220)
    brightness, drum_gain = rng.uniform(0.5, 2.5), rng.uniform(0, 1.5)
    for start in range(0, n_samples, beat):
        if start // beat % 4 == 0:
            steps = rng.choice([0, 2, 4, 5, 7, 9]) + np.array([-12, 0, rng.choice([3, 4]), 7, 12])
        for step in rng.permutation(steps)[: rng.integers(1, 5)]:
            note = _note(root_hz * 2 ** (step / 12), beat * int(rng.integers(1, 4)), brightness)
            sound[start : start + len(note)] += note
        drum = white(beat // 2, rng) * np.exp(-np.arange(beat // 2) / rng.uniform(100, 900)).astype(np.float32)
        sound[start : start + len(drum)] += drum_gain * rng.random() * drum
    return normalize(sound[:n_samples])


def _note(hz: float, n_samples: int, brightness: float) -> Samples:
    time_s = np.arange(n_samples) / SAMPLE_RATE_HZ
    overtones = [k for k in range(1, 9) if k * hz < SAMPLE_RATE_HZ / 2]
    tone = sum(np.sin(2 * np.pi * k * hz * time_s) / k ** (3 - brightness) for k in overtones)
    envelope = np.minimum(1, np.arange(n_samples) / 200) * np.exp(-time_s * 3)
    return np.asarray(tone * envelope, np.float32)


def add_room(sound: Samples, reverberation_s: float, direct_db: float, rng: Generator) -> Samples:
    """Reverberation that falls by 60 dB in `reverberation_s`, the direct sound so much louder than all of it."""
    n_tail = int(reverberation_s * SAMPLE_RATE_HZ)
    tail = white(n_tail, rng) * 10 ** (-3 * np.arange(n_tail) / n_tail).astype(np.float32)
    tail[: int(rng.uniform(0.002, 0.02) * SAMPLE_RATE_HZ)] = 0
    tail *= 10 ** (-direct_db / 20) / np.sqrt(np.square(tail).sum())
    return (sound + fftconvolve(sound, tail)[: len(sound)]).astype(np.float32)


def limit_band(sound: Samples, low_hz: float, high_hz: float) -> Samples:
    """A telephone, a small loudspeaker, a strong codec."""
    band = butter(4, (low_hz, high_hz), "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    return np.asarray(sosfilt(band, sound), np.float32)


def equalize(sound: Samples, rng: Generator) -> Samples:
    """Another microphone, another voice: up to 8 dB more or less, octave by octave."""
    octaves = np.arange(8)  # above 62.5 Hz
    gains_db = rng.uniform(-8, 8, len(octaves))
    hz = np.maximum(np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ), 1)
    gains = 10 ** (np.interp(np.log2(hz / 62.5), octaves, gains_db) / 20)
    return np.fft.irfft(np.fft.rfft(sound) * gains, len(sound)).astype(np.float32)


def clip(sound: Samples, share_of_peak: float) -> Samples:
    """A recording that was too loud."""
    limit = float(np.abs(sound).max()) * share_of_peak
    return np.clip(sound, -limit, limit)


def warp_vocal_tract(sound: Samples, factor: float) -> Samples:
    """A longer or shorter speaker: all frequencies times `factor`, and the duration divided by it."""
    denominator = 40
    return resample_poly(sound, denominator, round(denominator * factor)).astype(np.float32)
