"""Clean labelled speech, synthesised once and kept in the build folder."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.engines.preview.speech.features import HOP_SAMPLES
from emo_hallo_ray.media.audio import INT16_SCALE, SAMPLE_RATE_HZ, Samples
from tools.visemes.labels import LabelledSpeech, Labels, to_hops
from tools.visemes.voices import Voice, draw_training_voice

UTTERANCES_PER_SPEAKER = 4
SHORTEST_S = 0.5


@dataclass(frozen=True)
class Corpus:
    """Utterances one after another; every four are one speaker's.

    Attributes:
        samples: int16 at 16 kHz.
        labels: 100 a second.
        sample_edges, label_edges: where utterances begin, and the last one ends.
    """

    samples: NDArray[np.int16]
    labels: Labels
    sample_edges: NDArray[np.int64]
    label_edges: NDArray[np.int64]

    @property
    def n_speakers(self) -> int:
        """Draws of a voice, pitch and all."""
        return (len(self.sample_edges) - 1) // UTTERANCES_PER_SPEAKER

    def utterances(self, speaker: int) -> Iterator[tuple[Samples, Labels]]:
        """What one speaker says: float samples in [-1, 1], and labels."""
        first = speaker * UTTERANCES_PER_SPEAKER
        spans = slice(first, first + UTTERANCES_PER_SPEAKER + 1)
        for span, hops in zip(pairwise(self.sample_edges[spans]), pairwise(self.label_edges[spans]), strict=True):
            yield self.samples[slice(*span)].astype(np.float32) / np.float32(INT16_SCALE), self.labels[slice(*hops)]

    def save(self, path: Path) -> None:
        """As `.npz`."""
        np.savez(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> "Corpus":
        """The inverse of `save`."""
        with np.load(path) as arrays:
            return cls(**arrays)


def synthesize(hours: float, seed: int) -> Iterator[list[LabelledSpeech]]:
    """Speakers with four utterances each, until they have spoken so long."""
    rng = random.Random(seed)
    seconds = 0.0
    while seconds < hours * 3600:
        speaker = say_several(draw_training_voice(rng), UTTERANCES_PER_SPEAKER, rng)
        seconds += sum(len(speech.samples) for speech in speaker) / SAMPLE_RATE_HZ
        yield speaker


def say_several(voice: Voice, n_utterances: int, rng: random.Random) -> list[LabelledSpeech]:
    """So many utterances; texts of which next to nothing can be heard are drawn again."""
    said: list[LabelledSpeech] = []
    while len(said) < n_utterances:
        speech = voice.speak(rng)
        if len(speech.samples) > SHORTEST_S * SAMPLE_RATE_HZ:
            said.append(speech)
    return said


def to_corpus(speakers: Sequence[Sequence[LabelledSpeech]]) -> Corpus:
    """Pack utterances, each cut to whole hops and brought to one level."""
    samples: list[NDArray[np.int16]] = []
    labels: list[Labels] = []
    for speech in (speech for speaker in speakers for speech in speaker):
        n_hops = len(speech.samples) // HOP_SAMPLES
        level = speech.samples / max(1e-3, float(np.abs(speech.samples).max())) * 0.7
        samples.append(np.rint(level[: n_hops * HOP_SAMPLES] * (INT16_SCALE - 1)).astype(np.int16))
        labels.append(to_hops(speech.segments, n_hops))
    return Corpus(np.concatenate(samples), np.concatenate(labels), _edges(samples), _edges(labels))


def _edges(parts: Sequence[NDArray[np.generic]]) -> NDArray[np.int64]:
    return np.cumsum([0, *map(len, parts)], dtype=np.int64)
