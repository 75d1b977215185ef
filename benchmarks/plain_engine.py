"""An engine that costs nothing: plain frames. What is measured with it is everything around an engine."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from emo_hallo_ray.engines.base import N_CLIP_FRAMES, Arrays, Clip, Engine, GenerationJob, Image, SpeechTrack
from emo_hallo_ray.media.audio import decode_speech
from emo_hallo_ray.media.limits import MediaLimits


class PlainPortrait:
    def __init__(self, frame_px: int) -> None:
        self.version = f"1-{frame_px}"

    def prepare(self, image: Image) -> tuple[Arrays, list[str]]:
        return {"colour": image.mean(axis=(0, 1)).astype(np.uint8)}, []


class PlainSpeech:
    version = "1"

    def decode(self, source: Path, destination: Path, limits: MediaLimits) -> list[str]:
        decode_speech(source, destination, limits)
        return []

    def measure(self, path: Path) -> Arrays:
        return {}

    def embed(self, track: SpeechTrack, first_frame: int, n_frames: int) -> Arrays:
        return {"frame": np.arange(first_frame, first_frame + n_frames)}


class PlainFrames:
    def load(self) -> None:
        """Nothing to load."""

    def generate(self, job: GenerationJob, resume: Arrays | None) -> Iterator[Clip]:
        for first in range(0, job.n_frames, N_CLIP_FRAMES):
            n_frames = min(N_CLIP_FRAMES, job.n_frames - first)
            frames = np.empty((n_frames, 512, 512, 3), np.uint8)
            frames[:] = job.portrait["colour"]
            yield Clip(frames, {"next": np.array(job.first_frame + first + n_frames)})


ENGINE = Engine("plain", PlainPortrait, PlainSpeech, PlainFrames)
