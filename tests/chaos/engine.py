"""An engine for tests of survival: quick, cheap, and every frame depends on all frames before it.

A resumed attempt that started from anything but the right checkpoint would give other frames, to the last one.
"""

import time
from collections.abc import Iterator

import numpy as np

from emo_hallo_ray.engines.base import N_CLIP_FRAMES, Arrays, Clip, Engine, GenerationJob
from emo_hallo_ray.engines.preview import ENGINE as PREVIEW

SIDE_PX = 64
CLIP_S = 0.15  # long enough to be killed in


class DriftingGenerator:
    """Blocks of grey that drift by a random walk; the walk's state is the checkpoint."""

    def load(self) -> None:
        """There is nothing to read."""

    def generate(self, job: GenerationJob, resume: Arrays | None) -> Iterator[Clip]:
        """Yield clips, each a little later."""
        state = np.full((8, 8), job.params.seed, np.int64) if resume is None else resume["state"]
        for start in range(0, job.n_frames, N_CLIP_FRAMES):
            time.sleep(CLIP_S)
            frames = []
            for _ in range(min(N_CLIP_FRAMES, job.n_frames - start)):
                # a linear congruential step per block, mixed with its neighbour (MMIX's constants, Knuth)
                state = (6364136223846793005 * state + np.roll(state, 1, axis=1) + 1442695040888963407) % 2**62
                grey = (state >> 40).astype(np.uint8)
                frames.append(np.kron(grey, np.ones((SIDE_PX // 8, SIDE_PX // 8), np.uint8))[..., None].repeat(3, 2))
            yield Clip(np.stack(frames), {"state": state})


class Poison:
    """Kills the process that generates, every time."""

    def load(self) -> None:
        """There is nothing to read."""

    def generate(self, job: GenerationJob, resume: Arrays | None) -> Iterator[Clip]:
        """Never yield."""
        import os
        import signal

        os.kill(os.getpid(), signal.SIGSEGV)
        yield from ()


ENGINE = Engine("drifting", PREVIEW.portrait_preparer, PREVIEW.speech_embedder, DriftingGenerator)
POISON = Engine("poison", PREVIEW.portrait_preparer, PREVIEW.speech_embedder, Poison)
EXTRA = {"drifting": "tests.chaos.engine:ENGINE", "poison": "tests.chaos.engine:POISON"}
