"""What the network learns from: recordings of twelve seconds, degraded, as the product would hear them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from emo_hallo_ray.engines.preview.speech.features import HOP_SAMPLES, Spectrum, spectrum_of
from emo_hallo_ray.engines.preview.speech.loudness import BLOCK_HOPS, Loudness, loudness_of
from emo_hallo_ray.engines.preview.speech.recognition import network_input
from emo_hallo_ray.media.audio import INT16_SCALE, Samples
from tools.visemes.corpus import Corpus
from tools.visemes.degrade import degrade, draw_noise, warp_vocal_tract
from tools.visemes.labels import Labels

N_HOPS = 1200
N_SAMPLES = N_HOPS * HOP_SAMPLES
NO_SPEECH_SHARE = 0.05
SHORT_RECORDING_SHARE = 0.4
SHORTEST_HOPS = 200


@dataclass(frozen=True)
class Examples:
    """Attributes:
    features: (N, 1200, 33) as the network hears them.
    labels: (N, 1200) index of the viseme.
    """

    features: NDArray[np.float16]
    labels: Labels


def make_examples(corpus: Corpus, n_examples: int, seed: int) -> Iterator[tuple[NDArray[np.float16], Labels]]:
    """Recordings of random speakers, each with other noise."""
    rng = np.random.default_rng(seed)
    for _ in range(n_examples):
        labels: Labels
        if rng.random() < NO_SPEECH_SHARE:
            sound, labels = 0.1 * draw_noise(N_SAMPLES, rng), np.zeros(N_HOPS, np.uint8)
        else:
            clean, labels = _compose(corpus, rng)
            sound = degrade(clean, _babble(corpus, rng), rng)
        spectrum = spectrum_of(np.rint(sound * INT16_SCALE).astype(np.float32) / np.float32(INT16_SCALE))
        figures = _measure(spectrum, labels, rng)
        yield network_input(spectrum, figures).astype(np.float16), labels


def measure(spectrum: Spectrum, first_hop: int, n_hops: int) -> Loudness:
    """Figures of a recording in memory, of so many hops, from a stretch of it."""
    edges = range(first_hop, first_hop + n_hops, BLOCK_HOPS)
    spans = [slice(edge, min(edge + BLOCK_HOPS, first_hop + n_hops)) for edge in edges]
    blocks = (Spectrum(spectrum.mel_db[s], spectrum.bright_db[s], spectrum.level_db[s]) for s in spans)
    return loudness_of(blocks).at(-first_hop, len(spectrum.level_db))


def _measure(spectrum: Spectrum, labels: Labels, rng: Generator) -> Loudness:
    """Some recordings are short, and their figures come from few words."""
    if rng.random() < SHORT_RECORDING_SHARE:
        n_hops = int(rng.integers(SHORTEST_HOPS, N_HOPS))
        first_hop = int(rng.integers(0, N_HOPS - n_hops))
        if (labels[first_hop : first_hop + n_hops] > 0).mean() > 0.5:
            return measure(spectrum, first_hop, n_hops)
    return measure(spectrum, 0, N_HOPS)


def _compose(corpus: Corpus, rng: Generator) -> tuple[Samples, Labels]:
    """One speaker's utterances with pauses, cut to the length of an example."""
    sounds: list[Samples] = []
    labels: list[Labels] = []
    factor = rng.uniform(0.86, 1.2)
    while sum(map(len, labels)) < N_HOPS:
        for sound, hops in corpus.utterances(int(rng.integers(corpus.n_speakers))):
            n_pause = int(rng.integers(0, 120)) if rng.random() < 0.7 else 0
            warped = warp_vocal_tract(sound, factor)
            n_hops = len(warped) // HOP_SAMPLES
            gain = 10 ** (rng.uniform(-6, 6) / 20)
            sounds += [np.zeros(n_pause * HOP_SAMPLES, np.float32), warped[: n_hops * HOP_SAMPLES] * gain]
            sources = ((np.arange(n_hops) + 0.5) / n_hops * len(hops)).astype(np.intp)
            labels += [np.zeros(n_pause, np.uint8), hops[sources]]
    start = int(rng.integers(0, max(1, min(60, sum(map(len, labels)) - N_HOPS))))
    span = slice(start * HOP_SAMPLES, start * HOP_SAMPLES + N_SAMPLES)
    return np.concatenate(sounds)[span], np.concatenate(labels)[start : start + N_HOPS]


def _babble(corpus: Corpus, rng: Generator) -> Samples:
    """Several people at once."""
    crowd = np.zeros(N_SAMPLES, np.float32)
    for _ in range(rng.integers(2, 7)):
        speaker = np.concatenate([sound for sound, _ in corpus.utterances(int(rng.integers(corpus.n_speakers)))])
        crowd += np.roll(np.resize(speaker, N_SAMPLES), int(rng.integers(N_SAMPLES))) * rng.uniform(0.3, 1)
    return crowd
