"""The seam between the pipeline and an engine.

An engine has three parts, because three stages run them in different processes: the preprocessor prepares the
portrait, the embedder turns a stretch of speech into features, the generator makes frames. What travels between the
parts is named arrays, which go to disk (`.npz`) and through shared memory without copies.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.tasks.model import TaskParams

FPS = 25
N_CLIP_FRAMES = 16

Arrays = Mapping[str, NDArray[np.generic]]
Image = NDArray[np.uint8]  # (H, W, 3) RGB


@dataclass(frozen=True)
class SpeechTrack:
    """A whole recording, decoded once to 16 kHz mono, with the figures that need all of it.

    Attributes:
        path: 16-bit mono WAV at 16 kHz; read it in windows, it may last an hour.
        n_samples: its length in samples.
        loudness: figures over the whole recording that make a window's features independent of where it was cut;
            the embedder that measured them knows their names.
    """

    path: Path
    n_samples: int
    loudness: Arrays

    @property
    def n_frames(self) -> int:
        """Video frames that cover the recording: ceil(seconds × 25)."""
        return -(-self.n_samples * FPS // 16_000)


@dataclass(frozen=True)
class GenerationJob:
    """A stretch of video to make.

    Attributes:
        portrait: what the engine's `PortraitPreparer` returned.
        speech: what its `SpeechEmbedder` returned for exactly these frames.
        first_frame: index of the first frame in the whole video.
        n_frames: frames to make; a multiple of `N_CLIP_FRAMES` except at the end of the video.
        n_frames_total: length of the whole video.
        should_stop: asked at every frame or denoising step; when true the engine raises `TaskCancelled`.
    """

    portrait: Arrays
    speech: Arrays
    first_frame: int
    n_frames: int
    n_frames_total: int
    params: TaskParams
    should_stop: Callable[[], bool]


@dataclass(frozen=True)
class Clip:
    """Consecutive frames and all that the engine needs to go on after them.

    Attributes:
        frames: (F, H, W, 3) uint8 RGB, F at most `N_CLIP_FRAMES`.
        checkpoint: handed back as `resume` for the next stretch; empty where the engine is stateless.
    """

    frames: NDArray[np.uint8]
    checkpoint: Arrays


@dataclass(frozen=True)
class ClipProgress:
    """A sign of life while a clip is made: denoising steps done, and how many it takes."""

    done: int
    total: int


class PortraitPreparer(Protocol):
    """Turns a picture into what the generator needs. Runs once per portrait; its result is cached."""

    version: str  # part of the cache key: changes whenever the result would

    def prepare(self, image: Image) -> tuple[Arrays, list[str]]:
        """Return the conditioning and warnings for the task's log (such as "3 faces, the largest is animated").

        Raises:
            NoFaceFound, FaceTooSmall: the picture cannot be animated.
        """
        ...


class SpeechEmbedder(Protocol):
    """Turns speech into features, a bounded window at a time. Stays loaded; threads share it."""

    @property
    def version(self) -> str:
        """Part of the cache key: changes whenever `decode` or `measure` would give something else."""
        ...

    def decode(self, source: Path, destination: Path, limits: MediaLimits) -> list[str]:
        """Turn the uploaded recording into the WAV of `SpeechTrack`, in constant memory.

        Returns:
            Remarks for the task's log, such as whether vocals were separated.

        Raises:
            As `decode_speech`, whose length in samples the result has.
        """
        ...

    def measure(self, path: Path) -> Arrays:
        """Stream over the whole 16 kHz WAV for `SpeechTrack.loudness`, in constant memory."""
        ...

    def embed(self, track: SpeechTrack, first_frame: int, n_frames: int) -> Arrays:
        """Features of these video frames, a row each; an embedder may add rows of context at both ends."""
        ...


class FrameGenerator(Protocol):
    """Makes the frames."""

    def load(self) -> None:
        """Read models into memory; called once, before the first `generate`."""
        ...

    def generate(self, job: GenerationJob, resume: Arrays | None) -> Iterator[Clip | ClipProgress]:
        """Yield the job's clips in order, and progress between them. Equal jobs and checkpoints give equal frames.

        Args:
            resume: the checkpoint of the clip before `job.first_frame`, None at the start of the video.
        """
        ...


@dataclass(frozen=True)
class Engine:
    """The three parts of one engine, each made on demand in the process that needs it.

    Attributes:
        portrait_preparer: made for frames of so many pixels a side; that size is part of its `version`.
    """

    name: str
    portrait_preparer: Callable[[int], PortraitPreparer]
    speech_embedder: Callable[[], SpeechEmbedder]
    frame_generator: Callable[[], FrameGenerator]
