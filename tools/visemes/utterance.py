"""Spoken sentences whose phones are known to the millisecond."""

from dataclasses import dataclass

from emo_hallo_ray.media.audio import Samples


@dataclass(frozen=True)
class Phone:
    """A stretch of sound; `name` is IPA or ARPA, empty in a pause."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Utterance:
    """Attributes:
    samples: 16 kHz mono in [-1, 1].
    phones: in order; together they cover the sound.
    """

    samples: Samples
    phones: tuple[Phone, ...]
