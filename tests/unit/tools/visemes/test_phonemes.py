import pytest

from emo_hallo_ray.engines.preview.speech.visemes import TARGETS
from tools.visemes.phonemes import ARPA, IPA, visemes_of_arpa, visemes_of_ipa


def test_every_class_of_the_network_has_sounds_in_both_alphabets() -> None:
    assert list(ARPA) == list(IPA) == list(TARGETS)


@pytest.mark.parametrize(
    "sounds",
    [
        [name for names in ARPA.values() for name in names.split()],
        [letter for letters in IPA.values() for letter in letters],
    ],
    ids=["arpa", "ipa"],
)
def test_no_sound_belongs_to_two_classes(sounds: list[str]) -> None:
    assert len(sounds) == len(set(sounds))


@pytest.mark.parametrize(
    ("name", "visemes"),
    [
        ("p", ("BMP",)),
        ("pʰ", ("BMP",)),
        ("tʃ", ("SH",)),
        ("ts", ("SZ",)),
        ("aɪ", ("AA", "IY")),
        ("oʊ", ("OW", "UW")),
        ("ɑː", ("AA",)),
        ("ɐ̃", ("AA",)),
        ("ʲ", ("IY",)),
        ("tʲ", ("TDNL",)),
        ("(en)", ("SIL",)),
        ("(en)b", ("BMP",)),
        ("", ("SIL",)),
    ],
)
def test_ipa_names_are_read(name: str, visemes: tuple[str, ...]) -> None:
    assert visemes_of_ipa(name) == visemes


@pytest.mark.parametrize(
    ("name", "visemes"), [("b", ("BMP",)), ("ay", ("AA", "IY")), ("ax", ("EH",)), ("AE1", ("AE",)), ("", ("SIL",))]
)
def test_arpa_names_are_read(name: str, visemes: tuple[str, ...]) -> None:
    assert visemes_of_arpa(name) == visemes
