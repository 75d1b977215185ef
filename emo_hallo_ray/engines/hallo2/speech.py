"""The Hallo2 engine's `SpeechEmbedder`: vocals where the separator is there, wav2vec2's layers of them."""

import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from emo_hallo_ray.engines.base import N_CLIP_FRAMES, Arrays, SpeechTrack
from emo_hallo_ray.media.audio import decode_speech, wav_length
from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.memory import blaming_memory
from emo_hallo_ray.speech.recording import Length, Recording, Statistics, measure
from emo_hallo_ray.speech.windows import RADIUS_ROWS
from emo_hallo_ray.weights.layout import WeightsLayout

if TYPE_CHECKING:
    from emo_hallo_ray.speech.stretches import StretchEncoder


class Hallo2SpeechEmbedder:
    """Turns speech into the rows that the audio projection reads through `windows`.

    Making one is cheap; models load when they are first needed. Threads may share one.
    """

    def __init__(self, layout: WeightsLayout, device: str = "auto") -> None:
        """Take the device's name as torch has it; `auto` is CUDA where there is a GPU."""
        self._layout = layout
        self._device = device
        self._lock = threading.Lock()

    @property
    def version(self) -> str:
        """Changes when the separator comes, goes or is replaced, even while the service runs."""
        separator = self._layout.vocal_separator
        return f"1-vocals-{separator.stat().st_size}" if separator.is_file() else "1-as-recorded"

    def decode(self, source: Path, destination: Path, limits: MediaLimits) -> list[str]:
        """Write the vocals, or without a separator the recording."""
        with self._lock, blaming_memory():
            _ = self._encoder  # an hour's vocals take long: first see that they can be used
        separator = self._layout.vocal_separator
        if not separator.is_file():
            decode_speech(source, destination, limits)
            return [f"speech used as recorded: {separator.parent.name}/{separator.name} is not there"]
        from emo_hallo_ray.speech.vocals import separate_vocals

        peak = separate_vocals(separator, source, destination, limits, use_gpu=self._device != "cpu")
        remarks = [f"vocals separated with {separator.name}"]
        if peak < 10 ** (limits.silence_dbfs / 20):
            remarks.append("no voice was found in the recording: the mouth will hardly move")
        return remarks

    def measure(self, path: Path) -> Arrays:
        """Level of the recording and of its parts, see `Statistics`."""
        return measure(path, Length.of(wav_length(path))).to_arrays()

    def embed(self, track: SpeechTrack, first_frame: int, n_frames: int) -> Arrays:
        """`rows`, (n + 4, L, D) with n the frames rounded up to whole clips; equal to the bit wherever one cuts.

        Raises:
            OutOfMemory: the network or a stretch of speech does not fit.
        """
        recording = Recording(track.path, Length.of(track.n_samples), Statistics.from_arrays(track.loudness))
        n_rows = -(-n_frames // N_CLIP_FRAMES) * N_CLIP_FRAMES + 2 * RADIUS_ROWS
        with self._lock, blaming_memory():
            return {"rows": self._encoder.rows(recording, first_frame - RADIUS_ROWS, n_rows)}

    @cached_property
    def _encoder(self) -> "StretchEncoder":
        import torch

        from emo_hallo_ray.speech.encoder import SpeechEncoder
        from emo_hallo_ray.speech.stretches import StretchEncoder

        device = self._device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return StretchEncoder(SpeechEncoder.load(self._layout.wav2vec_folder, device))
