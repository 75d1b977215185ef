"""An engine that takes a GPU's time and no processor's: it sleeps, and its frames are grey."""

import time
from collections.abc import Iterator

import numpy as np

from emo_hallo_ray.engines.base import N_CLIP_FRAMES, Arrays, Clip, Engine, GenerationJob
from emo_hallo_ray.engines.preview import ENGINE as PREVIEW

SIDE_PX = 64
CLIP_S = 0.5


class SleepingGenerator:
    """Waits for each clip."""

    def load(self) -> None:
        """There is nothing to read."""

    def generate(self, job: GenerationJob, resume: Arrays | None) -> Iterator[Clip]:
        """Yield grey clips, each a little later."""
        for start in range(0, job.n_frames, N_CLIP_FRAMES):
            time.sleep(CLIP_S)
            n_frames = min(N_CLIP_FRAMES, job.n_frames - start)
            yield Clip(np.full((n_frames, SIDE_PX, SIDE_PX, 3), 128, np.uint8), {"none": np.zeros(1)})


ENGINE = Engine("sleeping", PREVIEW.portrait_preparer, PREVIEW.speech_embedder, SleepingGenerator)
EXTRA = {"sleeping": f"{__name__}:ENGINE"}
