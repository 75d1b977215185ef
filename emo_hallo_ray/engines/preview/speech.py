"""The preview engine's `SpeechEmbedder`: mouth curves, a bounded window of the recording at a time."""

import wave
from pathlib import Path

from emo_hallo_ray.engines.base import Arrays, SpeechTrack
from emo_hallo_ray.engines.preview.features import read_spectrum
from emo_hallo_ray.engines.preview.loudness import Loudness, measure_loudness
from emo_hallo_ray.engines.preview.visemes import CONTEXT_HOPS, HOPS_PER_FRAME, mouth_curves

CONTEXT_FRAMES = CONTEXT_HOPS // HOPS_PER_FRAME


class PreviewSpeechEmbedder:
    """Turns speech into `MOUTH_CURVES`, 25 rows a second."""

    version = "1"

    def measure(self, path: Path) -> Arrays:
        """Loudness over the whole recording, see `Loudness`."""
        with wave.open(str(path)) as wav:
            n_samples = wav.getnframes()
        return measure_loudness(path, n_samples).to_arrays()

    def embed(self, track: SpeechTrack, first_frame: int, n_frames: int) -> Arrays:
        """`mouth`, (n_frames, 8); equal wherever the recording is cut into windows."""
        spectrum = read_spectrum(
            track.path,
            first_frame * HOPS_PER_FRAME - CONTEXT_HOPS,
            n_frames * HOPS_PER_FRAME + 2 * CONTEXT_HOPS,
        )
        curves = mouth_curves(spectrum, Loudness.from_arrays(track.loudness))
        return {"mouth": curves[CONTEXT_FRAMES : CONTEXT_FRAMES + n_frames]}
