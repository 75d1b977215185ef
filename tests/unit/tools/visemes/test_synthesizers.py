from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from tools.visemes import espeak, flite
from tools.visemes.labels import LabelledSpeech, Segment, label
from tools.visemes.phonemes import visemes_of_arpa, visemes_of_ipa
from tools.visemes.synthesizers import missing_packages
from tools.visemes.voices import ESPEAK_VOICES, VARIANTS

RATE_HZ = 16_000
needs_voices = pytest.mark.skipif(bool(missing_packages()), reason=f"not installed: {', '.join(missing_packages())}")


def test_missing_program_is_named_by_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert "flite" in missing_packages()


@needs_voices
@pytest.mark.parametrize(
    "speech",
    [
        lambda: label(espeak.speak("a papa", "en-us+f3"), visemes_of_ipa),
        lambda: label(flite.speak("a papa", "slt"), visemes_of_arpa),
    ],
    ids=["espeak-ng", "flite"],
)
def test_lips_are_labelled_closed_where_next_to_nothing_is_heard(speech: Callable[[], LabelledSpeech]) -> None:
    said = speech()

    segments = said.segments
    assert all(before.end_s == after.start_s for before, after in pairwise(segments))
    assert segments[-1].end_s == pytest.approx(len(said.samples) / RATE_HZ, abs=0.05)
    closed = [level(said, segment) for segment in segments if segment.viseme == "BMP"]
    vowels = [level(said, segment) for segment in segments if segment.viseme == "AA"]
    assert len(closed) == 2
    assert np.mean(closed) < 0.2 * max(vowels)


def level(said: LabelledSpeech, segment: Segment) -> float:
    """Of its second half; in the first one lips are still closing."""
    middle_s = (segment.start_s + segment.end_s) / 2
    span = slice(int(middle_s * RATE_HZ), int(segment.end_s * RATE_HZ))
    return float(np.sqrt(np.square(said.samples[span]).mean()))


@needs_voices
def test_every_voice_of_the_training_exists() -> None:
    names = [name for names in ESPEAK_VOICES.values() for name in names] + [f"en+{name}" for name in VARIANTS.split()]

    assert all(len(espeak.speak("no", name).samples) > 0 for name in names)


@needs_voices
def test_unknown_voice_is_refused() -> None:
    with pytest.raises(ValueError, match="no voice 'nobody'"):
        espeak.speak("no", "nobody")
