import json
from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.engines.preview.speech.closures import lip_closure
from emo_hallo_ray.engines.preview.speech.embedder import PreviewSpeechEmbedder
from emo_hallo_ray.engines.preview.speech.visemes import HOPS_PER_FRAME, MOUTH_CURVES

from .conftest import track_of

# four seconds of a voice that was never trained on, by `python -m tools.visemes.sample`
SAMPLE = Path(__file__).parents[3] / "data" / "visemes"
JAW, CLOSE = (MOUTH_CURVES.index(name) for name in ("jaw", "close"))
VOWELS = {"EH", "AE", "AA", "AO", "OW"}


def posterior_of(*closures: tuple[int, int, float], n_hops: int = 80) -> np.ndarray:
    posterior = np.zeros(n_hops, np.float32)
    for first, last, value in closures:
        posterior[first:last] = value
    return posterior


@pytest.mark.parametrize("first_hop", range(20, 28))
def test_closure_of_20_ms_gets_its_frame_wherever_it_falls(first_hop: int) -> None:
    closure = lip_closure(posterior_of((first_hop, first_hop + 2, 1.0)), HOPS_PER_FRAME)

    assert 1 <= np.count_nonzero(closure > 0.5) <= 2  # two where it lies between them
    assert abs(int(closure.argmax()) * HOPS_PER_FRAME + 2 - (first_hop + 1)) <= 3


def test_long_closure_lasts_as_long_as_it_is_heard() -> None:
    closure = lip_closure(posterior_of((20, 40, 1.0)), HOPS_PER_FRAME)

    assert np.flatnonzero(closure > 0.5).tolist() == [5, 6, 7, 8, 9]


def test_doubtful_closure_counts_where_it_is_most_likely() -> None:
    closure = lip_closure(posterior_of((30, 33, 0.2), (33, 37, 0.35), (37, 40, 0.2)), HOPS_PER_FRAME)

    assert np.count_nonzero(closure > 0.5) == 1


def test_what_is_hardly_likely_does_not_count() -> None:
    assert lip_closure(posterior_of((30, 40, 0.05)), HOPS_PER_FRAME).max() < 0.1


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, list[tuple[str, float, float]]]:
    track = track_of(SAMPLE / "speech.wav")
    mouth = PreviewSpeechEmbedder().embed(track, 0, track.n_frames)["mouth"]
    return mouth, json.loads((SAMPLE / "segments.json").read_text())


def is_closed(mouth: np.ndarray) -> np.ndarray:
    return (mouth[:, CLOSE] > 0.5) | (mouth[:, JAW] * (1 - mouth[:, CLOSE]) < 0.1)


def test_lips_are_closed_when_a_voice_never_heard_says_m_b_and_p(
    sample: tuple[np.ndarray, list[tuple[str, float, float]]],
) -> None:
    mouth, segments = sample
    spans = [(int(start * 25) - 1, int(end * 25) + 2) for viseme, start, end in segments if viseme == "BMP"]

    hits = [is_closed(mouth)[max(0, first) : last].any() for first, last in spans]

    assert len(hits) > 10
    assert sum(hits) >= len(hits) - 1


def test_lips_are_apart_in_the_middle_of_its_open_vowels(
    sample: tuple[np.ndarray, list[tuple[str, float, float]]],
) -> None:
    mouth, segments = sample
    long_vowels = [(start + end) / 2 for viseme, start, end in segments if viseme in VOWELS and end - start > 0.05]

    closed = [bool(is_closed(mouth)[int(middle * 25)]) for middle in long_vowels]

    assert np.mean(closed) < 0.1
