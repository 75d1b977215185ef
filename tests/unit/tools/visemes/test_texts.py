import random

import pytest

from tools.visemes.heldout import LANGUAGES
from tools.visemes.texts import documentation_sentences, draw_text, language_sentences
from tools.visemes.voices import ESPEAK_VOICES


def test_documentation_gives_thousands_of_plain_sentences() -> None:
    sentences = documentation_sentences()

    assert len(sentences) > 2000
    assert all(character.isascii() and (character.isalpha() or character in " ,'") for character in "".join(sentences))


@pytest.mark.parametrize("language", [*ESPEAK_VOICES, *LANGUAGES, "en-evaluation"])
def test_every_language_has_sentences(language: str) -> None:
    assert len(language_sentences(language)) >= 2


def test_sentences_for_measuring_are_not_trained_on() -> None:
    trained = set(language_sentences("en")) | set(documentation_sentences())

    assert not trained & set(language_sentences("en-evaluation"))
    assert not set(LANGUAGES) & set(ESPEAK_VOICES)


def test_equal_seeds_draw_equal_texts() -> None:
    first, second = ([draw_text("de", rng) for _ in range(20)] for rng in (random.Random(1), random.Random(1)))

    assert first == second
    assert len(set(first)) > 10
