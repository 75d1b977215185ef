"""From phones to what the mouth shows, hop by hop. Lips count as closed from the closure to the burst, not longer."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.engines.preview.speech.features import HOPS_PER_S
from emo_hallo_ray.media.audio import SAMPLE_RATE_HZ, Samples
from tools.visemes.phonemes import CLASSES
from tools.visemes.utterance import Phone, Utterance

STOPS = frozenset("pbtdkgɡqcɟʈɖ")
LABIAL_STOPS = frozenset("pb")
CLOSING_S = 0.05  # lips meet so long before a burst that follows a pause
LONGEST_CLOSURE_S = 0.12
SHORTEST_CLOSURE_S = 0.02
BURST_DB = 12.0  # above the quietest of the closure
STEP_S = 0.005
SILENT = 1e-3  # espeak-ng's closures are digital silence, but for ringing after resampling

Labels = NDArray[np.uint8]  # (T,) index into CLASSES, 100 a second


@dataclass(frozen=True)
class Segment:
    """A stretch in which the mouth shows one viseme."""

    viseme: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class LabelledSpeech:
    """Sound at 16 kHz, and what the mouth shows when."""

    samples: Samples
    segments: tuple[Segment, ...]


def label(utterance: Utterance, visemes_of: Callable[[str], tuple[str, ...]]) -> LabelledSpeech:
    """Say what the mouth shows."""
    phones = _with_closures(utterance)
    segments: list[Segment] = []
    for i, phone in enumerate(phones):
        visemes = visemes_of(phone.name)
        release_s = _release(utterance.samples, phone) if phone.name[:1] in LABIAL_STOPS else phone.end_s
        following = visemes_of(phones[i + 1].name)[:1] if i + 1 < len(phones) else ("SIL",)
        edges = np.linspace(phone.start_s, release_s, len(visemes) + 1)
        segments += [Segment(*part) for part in zip(visemes, edges[:-1].tolist(), edges[1:].tolist(), strict=True)]
        if release_s < phone.end_s:
            segments.append(Segment(following[0], release_s, phone.end_s))
    return LabelledSpeech(utterance.samples, tuple(segments))


def to_hops(segments: tuple[Segment, ...], n_hops: int) -> Labels:
    """The class at the middle of every hop."""
    labels = np.zeros(n_hops, np.uint8)
    for segment in segments:
        first, last = (round(time_s * HOPS_PER_S) for time_s in (segment.start_s, segment.end_s))
        labels[first:last] = CLASSES.index(segment.viseme)
    return labels


def _with_closures(utterance: Utterance) -> list[Phone]:
    """Give stops their closure, which espeak-ng counts to the sound before."""
    phones = list(utterance.phones)
    for i in range(1, len(phones)):
        before, stop = phones[i - 1], phones[i]
        if stop.name[:1] not in STOPS:
            continue
        silent_s = CLOSING_S if not before.name else LONGEST_CLOSURE_S
        earliest_s = max(before.start_s, stop.start_s - silent_s)
        start_s = _start_of_silence(utterance.samples, earliest_s, stop.start_s)
        phones[i - 1] = Phone(before.name, before.start_s, start_s)
        phones[i] = Phone(stop.name, start_s, stop.end_s)
    return [phone for phone in phones if phone.end_s > phone.start_s]


def _start_of_silence(samples: Samples, earliest_s: float, end_s: float) -> float:
    before = np.abs(samples[int(earliest_s * SAMPLE_RATE_HZ) : int(end_s * SAMPLE_RATE_HZ)])
    guard = int(0.003 * SAMPLE_RATE_HZ)  # of ringing at the burst
    loud = np.flatnonzero(before[:-guard] > SILENT) if len(before) > guard else np.arange(len(before))
    n_silent = len(before) - (int(loud[-1]) + 1 if len(loud) else 0)
    return end_s - n_silent / SAMPLE_RATE_HZ if n_silent > 2 * guard else end_s


def _release(samples: Samples, stop: Phone) -> float:
    """When the lips part: at the burst, or at the end where none is heard."""
    step = int(STEP_S * SAMPLE_RATE_HZ)
    sound = samples[int(stop.start_s * SAMPLE_RATE_HZ) : int(stop.end_s * SAMPLE_RATE_HZ)]
    n_steps = len(sound) // step
    if n_steps < 4:
        return stop.end_s
    power = np.square(sound[: n_steps * step]).reshape(n_steps, step).mean(axis=1) + 1e-9
    level_db = 10 * np.log10(np.convolve(power, np.full(3, 1 / 3), mode="same"))
    # a voiced closure hums: silence before it is no part of it
    voiced = np.flatnonzero(power > SILENT**2) if stop.name.startswith("b") else np.arange(n_steps)
    if not len(voiced):
        return stop.end_s
    quietest = int(voiced[0]) + int(level_db[voiced[0] :].argmin())
    louder = np.flatnonzero(level_db[quietest:] > level_db[quietest] + BURST_DB)
    if not len(louder):
        return stop.end_s
    return max(stop.start_s + SHORTEST_CLOSURE_S, stop.start_s + (quietest + int(louder[0])) * STEP_S)
