"""Pictures and sounds that no service should accept, made from good ones: `python -m tests.hostile.corpus FOLDER`.

Everything is made here, from a fixed seed; nothing is anybody's file. Each is wrong in a way that a reader of its
format can tell: a flipped bit that only changes a pixel is not in it.
"""

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from tests.hostile import images, sounds

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Hostile:
    """One file."""

    kind: Literal["image", "audio"]
    family: str
    name: str
    content: bytes

    def __str__(self) -> str:
        return f"{self.kind}-{self.family}-{self.name}"


@cache
def corpus() -> tuple[Hostile, ...]:
    """All of them, in a fixed order."""
    with TemporaryDirectory() as folder:
        good_images = images.good(ROOT / "samples" / "portrait.jpg")
        good_sounds = sounds.good(ROOT / "samples" / "speech.wav", Path(folder))
    dice = random.Random(6)
    made = [
        *_family("image", "truncated", _truncated(good_images, (0.001, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9))),
        *_family("image", "damaged", images.damaged(good_images, dice)),
        *_family("image", "headers", images.absurd_headers(good_images)),
        *_family("image", "shapes", images.shapes()),
        *_family("image", "bombs", images.bombs()),
        *_family("image", "strangers", images.strangers(good_images, good_sounds)),
        *_family("audio", "truncated", _truncated(good_sounds, (0.0005, 0.01, 0.05, 0.2, 0.5))),
        *_family("audio", "damaged", sounds.damaged(good_sounds, dice)),
        *_family("audio", "headers", sounds.absurd_headers()),
        *_family("audio", "samples", sounds.absurd_samples()),
        *_family("audio", "containers", sounds.absurd_containers(good_sounds)),
        *_family("audio", "playlists", sounds.playlists()),
        *_family("audio", "strangers", sounds.strangers(good_images)),
    ]
    assert len({str(one) for one in made}) == len(made), "two have one name"
    return tuple(made)


def _family(kind: Literal["image", "audio"], family: str, files: Iterator[tuple[str, bytes]]) -> Iterator[Hostile]:
    for name, content in files:
        yield Hostile(kind, family, name, content)


def _truncated(good: dict[str, bytes], shares: tuple[float, ...]) -> Iterator[tuple[str, bytes]]:
    for name, content in good.items():
        for share in shares:
            yield f"{name}-{share}", content[: max(4, int(len(content) * share))]


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for one in corpus():
        (target / str(one)).write_bytes(one.content)
    print(f"{len(corpus())} files in {target}")
