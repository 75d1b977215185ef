"""The preview engine's `SpeechEmbedder`: mouth curves, a bounded window of the recording at a time."""

from pathlib import Path

from emo_hallo_ray.engines.base import Arrays, SpeechTrack
from emo_hallo_ray.engines.preview.speech.loudness import Loudness, measure_loudness
from emo_hallo_ray.engines.preview.speech.recognition import recognize_visemes
from emo_hallo_ray.engines.preview.speech.visemes import CONTEXT_HOPS, HOPS_PER_FRAME, mouth_curves
from emo_hallo_ray.media.audio import decode_speech, wav_length
from emo_hallo_ray.media.limits import MediaLimits

CONTEXT_FRAMES = CONTEXT_HOPS // HOPS_PER_FRAME


class PreviewSpeechEmbedder:
    """Turns speech into `MOUTH_CURVES`, 25 rows a second."""

    version = "2"

    def decode(self, source: Path, destination: Path, limits: MediaLimits) -> list[str]:
        """The recording as it is."""
        decode_speech(source, destination, limits)
        return []

    def measure(self, path: Path) -> Arrays:
        """Running loudness of the recording, see `Loudness`."""
        return measure_loudness(path, wav_length(path)).to_arrays()

    def embed(self, track: SpeechTrack, first_frame: int, n_frames: int) -> Arrays:
        """`mouth`, (n_frames, 8); equal to the bit wherever the recording is cut into windows."""
        heard = recognize_visemes(
            track.path,
            Loudness.from_arrays(track.loudness),
            first_frame * HOPS_PER_FRAME - CONTEXT_HOPS,
            n_frames * HOPS_PER_FRAME + 2 * CONTEXT_HOPS,
        )
        return {"mouth": mouth_curves(heard)[CONTEXT_FRAMES : CONTEXT_FRAMES + n_frames]}
