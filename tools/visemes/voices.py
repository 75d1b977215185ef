"""Who speaks in training. Voices and languages kept for measuring are in heldout.py."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tools.visemes import espeak, flite
from tools.visemes.labels import LabelledSpeech, label
from tools.visemes.phonemes import visemes_of_arpa, visemes_of_ipa
from tools.visemes.texts import draw_text

FLITE_VOICES: Final = {"slt": 170, "rms": 100, "kal": 105}  # and the mean pitch in Hz
LANGUAGES: Final = "de fr es it pt-br nl sv pl tr da nb cs fi hu ro el id sw hr vi ko"
# espeak-ng's names of voices, by the language of texts.toml
ESPEAK_VOICES: Final = {
    "en": ("en", "en-us", "en-gb-scotland", "en-029", "en-us-nyc", "gmw/en-GB-x-rp", "gmw/en-GB-x-gbclan"),
    **{language: (language,) for language in LANGUAGES.split()},
}
VARIANTS: Final = (
    "m1 m2 m4 m5 m6 m7 m8 f1 f2 f4 f5 Alex Alicia Andrea anika Denis Diogo Gene Hugo Jacky Lee linda john Mario "
    "Michael Mike Nguyen steph steph2 travis victor zac klatt klatt2 klatt4 adam aunty caleb david ed grandma "
    "iven max norbert quincy rob robert sandro shelby"
)


@dataclass(frozen=True)
class Voice:
    """Somebody who says one thing after another; `speak` draws a text and a tempo."""

    name: str
    speak: Callable[[random.Random], LabelledSpeech]


def draw_training_voice(rng: random.Random) -> Voice:
    """Two in five are of flite, whose voices were people; of espeak-ng, about as many speak English."""
    if rng.random() < 0.4:
        return flite_voice(name := rng.choice(list(FLITE_VOICES)), FLITE_VOICES[name] * rng.uniform(0.75, 1.4))
    language = "en" if rng.random() < 0.4 else rng.choice(list(ESPEAK_VOICES))
    variant = rng.choice(["", *(f"+{variant}" for variant in VARIANTS.split())])
    return espeak_voice(language, rng.choice(ESPEAK_VOICES[language]) + variant, rng.randint(25, 75))


def flite_voice(name: str, pitch_hz: float) -> Voice:
    """One of flite's voices, at a pitch of its own."""

    def speak(rng: random.Random) -> LabelledSpeech:
        text = draw_text("en", rng)
        return label(flite.speak(text, name, rng.uniform(0.8, 1.3), pitch_hz), visemes_of_arpa)

    return Voice(f"flite {name}", speak)


def espeak_voice(language: str, name: str, pitch: int = 50) -> Voice:
    """One of espeak-ng's voices; `name` is a language and a variant."""

    def speak(rng: random.Random) -> LabelledSpeech:
        text = draw_text(language, rng)
        return label(espeak.speak(text, name, rng.randint(120, 215), pitch, rng.randint(20, 80)), visemes_of_ipa)

    return Voice(f"espeak-ng {name}", speak)
