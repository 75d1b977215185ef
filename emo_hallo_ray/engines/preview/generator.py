"""The preview engine's `FrameGenerator`. It keeps no state between frames, so its checkpoints are empty."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import cast

import cv2
import numpy as np

from emo_hallo_ray.engines.base import N_CLIP_FRAMES, Arrays, Clip, GenerationJob, Image
from emo_hallo_ray.engines.preview.direction import express
from emo_hallo_ray.engines.preview.face.geometry import Floats
from emo_hallo_ray.engines.preview.portrait import Portrait
from emo_hallo_ray.engines.preview.renderer import Renderer
from emo_hallo_ray.errors import TaskCancelled

N_THREADS = 2  # frames made at a time; each is a function of its number alone
MAX_RENDERERS = 4  # portraits kept ready, a few dozen MB each


class PreviewFrameGenerator:
    """Makes frames of any stretch of a video."""

    def __init__(self) -> None:
        self._renderers: dict[str, Renderer] = {}
        self._threads = ThreadPoolExecutor(N_THREADS, thread_name_prefix="frames")

    def load(self) -> None:
        """Frames need no network. OpenCV gets one thread in this process: a second one gains nothing on pictures this
        small, and waits in a loop on the core that the encoder needs (measured: a third less processor time).
        """
        cv2.setNumThreads(1)

    def generate(self, job: GenerationJob, resume: Arrays | None) -> Iterator[Clip]:
        """Yield clips of `N_CLIP_FRAMES`, the last one of what remains.

        Raises:
            TaskCancelled: `job.should_stop` said so.
        """
        renderer = self._renderer(job.portrait)
        for start in range(0, job.n_frames, N_CLIP_FRAMES):
            rows = range(start, min(start + N_CLIP_FRAMES, job.n_frames))
            frames = np.empty((len(rows), *renderer.frame_shape), np.uint8)
            for frame, picture in zip(frames, self._threads.map(partial(_render, renderer, job), rows), strict=True):
                frame[:] = picture
            yield Clip(frames, checkpoint={})

    def _renderer(self, portrait: Arrays) -> Renderer:
        """The portrait's renderer, kept for its next segments; equal portraits share one."""
        key = _digest(portrait)
        renderer = self._renderers.pop(key, None) or Renderer(Portrait.from_arrays(portrait))
        self._renderers[key] = renderer  # the latest last
        while len(self._renderers) > MAX_RENDERERS:
            del self._renderers[next(iter(self._renderers))]
        return renderer


def _render(renderer: Renderer, job: GenerationJob, row: int) -> Image:
    if job.should_stop():
        raise TaskCancelled("the task was cancelled while frames were made")
    mouth = cast(Floats, job.speech["mouth"])
    return renderer.render(express(mouth[row], job.params, job.first_frame + row, job.n_frames_total))


def _digest(arrays: Arrays) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()
