"""Speech with known phone times from espeak-ng, through its C library: only there it tells when a phone starts."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import resample_poly

from emo_hallo_ray.media.audio import INT16_SCALE, SAMPLE_RATE_HZ, Samples
from tools.visemes.utterance import Phone, Utterance

if TYPE_CHECKING:
    from ctypes import _Pointer

LIBRARY = "libespeak-ng.so.1"
NATIVE_RATE_HZ = 22_050
# names and values of espeak-ng/speak_lib.h
AUDIO_OUTPUT_SYNCHRONOUS = 2
INITIALIZE_PHONEME_EVENTS, INITIALIZE_PHONEME_IPA = 1, 2
EVENT_LIST_TERMINATED, EVENT_PHONEME = 0, 7
CHARS_UTF8, POS_CHARACTER = 1, 1
PARAMETER_RATE, PARAMETER_PITCH, PARAMETER_RANGE = 1, 3, 4


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass
class _Synthesizer:
    """The library keeps one voice and one callback per process."""

    library: ctypes.CDLL
    blocks: list[Samples] = field(default_factory=list)
    starts: list[tuple[float, str]] = field(default_factory=list)  # seconds, IPA

    def __post_init__(self) -> None:
        options = INITIALIZE_PHONEME_EVENTS | INITIALIZE_PHONEME_IPA
        rate_hz = self.library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 200, None, options)
        if rate_hz != NATIVE_RATE_HZ:
            raise OSError(f"espeak-ng speaks at {rate_hz} Hz, {NATIVE_RATE_HZ} expected")
        self._callback = _Callback(self._receive)  # kept: the library holds no reference
        self.library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples: _Pointer[ctypes.c_short], n_samples: int, events: _Pointer[_Event]) -> int:
        if samples and n_samples > 0:
            self.blocks.append(
                np.ctypeslib.as_array(samples, (n_samples,)).astype(np.float32) / np.float32(INT16_SCALE)
            )
        i = 0
        while events[i].type != EVENT_LIST_TERMINATED:
            if events[i].type == EVENT_PHONEME:
                name = bytes(events[i].id.string).split(b"\0")[0].decode("utf-8", "ignore")
                self.starts.append((events[i].audio_position_ms / 1000, name))
            i += 1
        return 0


@cache
def _synthesizer() -> _Synthesizer:
    return _Synthesizer(ctypes.CDLL(LIBRARY))


def speak(text: str, voice: str, words_per_minute: int = 160, pitch: int = 50, pitch_range: int = 50) -> Utterance:
    """Speak a sentence.

    Args:
        voice: a language and a variant, such as "en-us+f2".
        pitch, pitch_range: 0 to 100.

    Returns:
        The sound at 16 kHz and its phones in IPA.
    """
    synthesizer = _synthesizer()
    library = synthesizer.library
    synthesizer.blocks.clear()
    synthesizer.starts.clear()
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise ValueError(f"espeak-ng has no voice {voice!r}")
    parameters = {PARAMETER_RATE: words_per_minute, PARAMETER_PITCH: pitch, PARAMETER_RANGE: pitch_range}
    for parameter, value in parameters.items():
        library.espeak_SetParameter(parameter, value, 0)
    data = text.encode()
    library.espeak_Synth(ctypes.c_char_p(data), len(data) + 1, 0, POS_CHARACTER, 0, CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    native = np.concatenate([*synthesizer.blocks, np.zeros(1, np.float32)])
    duration_s = len(native) / NATIVE_RATE_HZ
    starts = [(0.0, ""), *synthesizer.starts, (duration_s, "")]
    phones = tuple(Phone(name, start, end) for (start, name), (end, _) in pairwise(starts) if end > start)
    samples = resample_poly(native, SAMPLE_RATE_HZ // 50, NATIVE_RATE_HZ // 50).astype(np.float32)
    return Utterance(samples, phones)
