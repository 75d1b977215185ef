"""Speech for measuring: voices, languages and sentences that the network was not trained on, clean and in noise."""

import random
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.random import Generator

from emo_hallo_ray.media.audio import Samples
from tools.visemes import espeak, flite
from tools.visemes.degrade import Noise, mix, music, normalize, pink, white
from tools.visemes.labels import LabelledSpeech, label
from tools.visemes.phonemes import visemes_of_arpa, visemes_of_ipa
from tools.visemes.texts import language_sentences

FLITE_VOICES: Final = ("awb", "kal16")
ESPEAK_VARIANTS: Final = ("f3", "m3", "belinda", "pablo", "Andy", "Annie", "edward", "marcelo")
LANGUAGES: Final = ("cmn", "ru", "hi")
NOISES: Final = ("white", "pink", "babble", "music")
SNRS_DB: Final = (10, 5)
N_BABBLERS = 5
SEED = 5


def speak_held_out() -> Mapping[str, Sequence[LabelledSpeech]]:
    """English of voices, and other languages, never trained on: about two minutes each."""
    sentences = language_sentences("en-evaluation")
    rng = random.Random(SEED)
    voices = [label(flite.speak(text, voice), visemes_of_arpa) for voice in FLITE_VOICES for text in sentences[::2]]
    for i, text in enumerate(sentences):
        voice = f"{rng.choice(('en', 'en-us'))}+{ESPEAK_VARIANTS[i % len(ESPEAK_VARIANTS)]}"
        voices.append(label(espeak.speak(text, voice, rng.randint(140, 190)), visemes_of_ipa))
    languages = [
        label(espeak.speak(text, language + ("", f"+{ESPEAK_VARIANTS[0]}")[i % 2]), visemes_of_ipa)
        for language in LANGUAGES
        for i, text in enumerate(language_sentences(language))
    ]
    return {"voices": voices, "languages": languages}


def in_noise(spoken: Sequence[LabelledSpeech], kind: str, snr_db: float) -> list[LabelledSpeech]:
    """The same with noise behind it, one of `NOISES`; babble is made of the others."""
    crowd = np.concatenate([speech.samples for speech in spoken])

    def babble(n_samples: int, rng: Generator) -> Samples:
        starts = rng.integers(len(crowd), size=N_BABBLERS)
        return normalize(np.sum([np.resize(np.roll(crowd, start), n_samples) for start in starts], axis=0))

    make_noise: Noise = {"white": white, "pink": pink, "music": music, "babble": babble}[kind]
    noisy: list[LabelledSpeech] = []
    for i, speech in enumerate(spoken):
        noise = make_noise(len(speech.samples), np.random.default_rng(i))
        noisy.append(LabelledSpeech(mix(speech.samples, noise, snr_db), speech.segments))
    return noisy
