import numpy as np
import pytest

from tools.visemes.labels import CLOSING_S, label, to_hops
from tools.visemes.phonemes import CLASSES, visemes_of_arpa, visemes_of_ipa
from tools.visemes.utterance import Phone, Utterance

RATE_HZ = 16_000


def hum(seconds: float, amplitude: float = 0.3) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * 150 * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE_HZ))


def burst(seconds: float) -> np.ndarray:
    return 0.05 * np.random.default_rng(0).standard_normal(round(seconds * RATE_HZ))


def spans(utterance: Utterance, viseme: str) -> list[tuple[float, float]]:
    return [(s.start_s, s.end_s) for s in label(utterance, visemes_of_ipa).segments if s.viseme == viseme]


def test_closure_that_was_counted_to_the_vowel_before_belongs_to_the_stop() -> None:
    sound = np.concatenate([hum(0.2), silence(0.05), burst(0.04), hum(0.2)]).astype(np.float32)
    utterance = Utterance(sound, (Phone("a", 0, 0.25), Phone("p", 0.25, 0.29), Phone("a", 0.29, 0.49)))

    ((start_s, end_s),) = spans(utterance, "BMP")

    assert start_s == pytest.approx(0.2, abs=0.006)
    assert end_s == pytest.approx(0.25, abs=0.011)


def test_burst_already_shows_the_sound_that_follows() -> None:
    sound = np.concatenate([hum(0.2), silence(0.06), burst(0.05), hum(0.2)]).astype(np.float32)
    utterance = Utterance(sound, (Phone("a", 0, 0.2), Phone("p", 0.2, 0.31), Phone("i", 0.31, 0.51)))

    ((start_s, end_s),) = spans(utterance, "IY")[:1]

    assert start_s == pytest.approx(0.26, abs=0.011)
    assert end_s == pytest.approx(0.31)


def test_voiced_closure_lasts_as_long_as_it_hums() -> None:
    sound = np.concatenate([silence(0.2), hum(0.08, 0.03), hum(0.02), hum(0.2)]).astype(np.float32)
    utterance = Utterance(sound, (Phone("", 0, 0.2), Phone("b", 0.2, 0.3), Phone("a", 0.3, 0.5)))

    ((start_s, end_s),) = spans(utterance, "BMP")

    assert start_s == pytest.approx(0.2 - CLOSING_S, abs=0.001)
    assert end_s == pytest.approx(0.28, abs=0.011)


def test_lips_meet_shortly_before_a_burst_after_a_pause() -> None:
    sound = np.concatenate([silence(0.4), burst(0.04), hum(0.2)]).astype(np.float32)
    utterance = Utterance(sound, (Phone("", 0, 0.4), Phone("p", 0.4, 0.44), Phone("a", 0.44, 0.64)))

    ((start_s, _),) = spans(utterance, "BMP")

    assert start_s == pytest.approx(0.4 - CLOSING_S, abs=0.001)


def test_diphthongs_are_shared_between_two_mouths_and_hops_take_the_class_of_their_middle() -> None:
    utterance = Utterance(hum(0.4).astype(np.float32), (Phone("ay", 0, 0.4),))

    labels = to_hops(label(utterance, visemes_of_arpa).segments, 40)

    assert [CLASSES[i] for i in labels[[0, 19, 20, 39]]] == ["AA", "AA", "IY", "IY"]
