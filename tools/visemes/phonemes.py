"""Which viseme a phone shows: the classes are `TARGETS` of the preview engine."""

from typing import Final

from emo_hallo_ray.engines.preview.speech.visemes import TARGETS

CLASSES: Final = tuple(TARGETS)

ARPA: Final = {
    "SIL": "pau sil ssil h# brth",
    "BMP": "b m p em",
    "FV": "f v",
    "TH": "th dh",
    "TDNL": "t d n l dx en el nx",
    "SZ": "s z",
    "SH": "sh zh ch jh",
    "KG": "k g ng hh hv",
    "R": "r",
    "W": "w wh",
    "IY": "iy ih y ix",
    "EH": "eh ey ax ah0",
    "AE": "ae",
    "AA": "aa ah",
    "AO": "ao",
    "OW": "ow",
    "UW": "uw uh",
    "ER": "er axr",
}
IPA: Final = {
    "SIL": "ʔ?",
    "BMP": "bmpɓ",
    "FV": "fvɱʋⱱ",
    "TH": "θð",
    "TDNL": "tdnlɫɾɗʈɖɳɭɬɮ",
    "SZ": "sz",
    "SH": "ʃʒɕʑʂʐç",
    "KG": "kgɡŋxɣqɢχħʕhɦɴʁʀɠ",
    "R": "rɹɻɽ",
    "W": "wʍβɸɥ",
    "IY": "iɪjɨᵻɯʎɲʝɟc",
    "EH": "eɛεəɘɤẽ",
    "AE": "æ",
    "AA": "aɑɐʌã",
    "AO": "ɔɒ",
    "OW": "oɵõ",
    "UW": "uʊyʏʉøũ",
    "ER": "ɚɝɜœɞ",
}
_CLASS_OF_ARPA = {name: viseme for viseme, names in ARPA.items() for name in names.split()}
_CLASS_OF_IPA = {letter: viseme for viseme, letters in IPA.items() for letter in letters}
# two letters that are one sound, or of which the first shows nothing by itself
_IPA_PAIRS: Final = {"tʃ": "ʃ", "dʒ": "ʒ", "tɕ": "ɕ", "dʑ": "ʑ", "tʂ": "ʂ", "dʐ": "ʐ", "ts": "s", "dz": "z", "pf": "f"}
_ARPA_PAIRS: Final = {
    "aw": ("AA", "UW"),
    "ay": ("AA", "IY"),
    "oy": ("AO", "IY"),
    "ow": ("OW", "UW"),
    "ey": ("EH", "IY"),
}
_VOWELS: Final = frozenset(("IY", "EH", "AE", "AA", "AO", "OW", "UW", "ER"))


def is_vowel(viseme: str) -> bool:
    """Whether the class is of vowels."""
    return viseme in _VOWELS


def visemes_of_arpa(name: str) -> tuple[str, ...]:
    """One class, two for diphthongs; a pause for the empty name."""
    bare = name.lower().rstrip("012") or "sil"
    return _ARPA_PAIRS.get(bare) or (_CLASS_OF_ARPA[bare],)


def visemes_of_ipa(name: str) -> tuple[str, ...]:
    """One class, two for diphthongs; a pause for the empty name and for marks that are no sound."""
    bare = name.split(")")[-1] if ")" in name or "(" in name else name  # "(en)": espeak-ng changes language
    for pair, sound in _IPA_PAIRS.items():
        bare = bare.replace(pair, sound)
    bare = "j" if bare == "ʲ" else bare  # a glide where it stands alone, else the colour of a consonant
    classes = tuple(_CLASS_OF_IPA[letter] for letter in bare if letter in _CLASS_OF_IPA)
    merged = tuple(viseme for i, viseme in enumerate(classes) if i == 0 or viseme != classes[i - 1])
    return merged or ("SIL",)
