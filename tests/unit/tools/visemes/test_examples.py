import random
import wave
from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.engines.preview.speech.features import read_spectrum, spectrum_of
from emo_hallo_ray.engines.preview.speech.loudness import measure_loudness
from tools.visemes.corpus import Corpus, say_several, to_corpus
from tools.visemes.examples import N_HOPS, make_examples, measure
from tools.visemes.labels import LabelledSpeech, Segment
from tools.visemes.phonemes import CLASSES
from tools.visemes.voices import Voice

RATE_HZ = 16_000


def say_nonsense(rng: random.Random) -> LabelledSpeech:
    """Two seconds of a tone for an AA, then silence."""
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    sound = np.sin(2 * np.pi * rng.uniform(100, 300) * time_s) * (time_s < 1.5)
    return LabelledSpeech(sound.astype(np.float32), (Segment("AA", 0, 1.5), Segment("SIL", 1.5, 2)))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    rng = random.Random(0)
    return to_corpus([say_several(Voice("nonsense", say_nonsense), 4, rng) for _ in range(3)])


def test_corpus_survives_a_file(tmp_path: Path, corpus: Corpus) -> None:
    corpus.save(tmp_path / "speech.npz")

    again = Corpus.load(tmp_path / "speech.npz")

    assert again.n_speakers == corpus.n_speakers == 3
    assert all(np.array_equal(again.__dict__[name], array) for name, array in vars(corpus).items())


def test_speakers_keep_their_utterances_and_labels(corpus: Corpus) -> None:
    utterances = list(corpus.utterances(2))

    assert [(len(samples), len(labels)) for samples, labels in utterances] == [(2 * RATE_HZ, 200)] * 4
    assert CLASSES[utterances[0][1][100]] == "AA"


def test_examples_are_complete_and_equal_for_equal_seeds(corpus: Corpus) -> None:
    first, second = (list(make_examples(corpus, 4, seed=3)) for _ in range(2))

    assert all(features.shape == (N_HOPS, 33) and labels.shape == (N_HOPS,) for features, labels in first)
    assert all(np.isfinite(features).all() for features, _ in first)
    assert all(np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1]) for a, b in zip(first, second, strict=True))


def test_training_measures_loudness_as_the_product_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples = np.rint(3000 * rng.standard_normal(13 * RATE_HZ) * np.linspace(0.1, 1, 13 * RATE_HZ))
    with wave.open(str(tmp_path / "noise.wav"), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE_HZ)
        wav.writeframes(samples.astype("<i2").tobytes())

    spectrum = spectrum_of((samples / 32768).astype(np.float32))
    in_training = measure(spectrum, 0, 1300)
    in_product = measure_loudness(tmp_path / "noise.wav", len(samples)).at(0, 1300)

    assert spectrum.mel_db == pytest.approx(read_spectrum(tmp_path / "noise.wav", 0, 1300).mel_db, abs=1e-4)
    assert in_training.bright_db == pytest.approx(in_product.bright_db, abs=0.01)
    assert in_training.mel_mean_db == pytest.approx(in_product.mel_mean_db, abs=0.01)
