"""The third stage: frames."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.engines.base import Arrays, Clip, ClipProgress, FrameGenerator, GenerationJob
from emo_hallo_ray.engines.registry import EngineCatalog
from emo_hallo_ray.pipeline import Segment, segment_name
from emo_hallo_ray.storage import Storage, load_arrays, save_arrays
from emo_hallo_ray.tasks.model import Task

# A task resumes after its last encoded segment, which may be two behind the one that is generated. Each checkpoint of
# hallo2 holds megabytes: an hour's would fill a disk.
N_EARLIER_CHECKPOINTS = 3

_LOADING = threading.Lock()  # not a field: the stage travels between processes


@dataclass(frozen=True)
class Generation:
    """Keeps engines loaded and walks them over segments."""

    storage: Storage
    engines: EngineCatalog
    _generators: dict[str, FrameGenerator] = field(default_factory=dict)

    @property
    def loaded_engines(self) -> list[str]:
        """Engines whose models are in memory."""
        return sorted(self._generators)

    def generate(
        self, task: Task, segment: Segment, speech: Arrays, should_stop: Callable[[], bool]
    ) -> Iterator[NDArray[np.uint8] | ClipProgress]:
        """Yield a segment's clips, (F, H, W, 3) each, and leave the checkpoint after the last one in storage.

        Between clips an engine may tell how far the next one is.

        Raises:
            TaskCancelled: `should_stop` said so.
        """
        files = self.storage.task(task.task_id)
        job = GenerationJob(
            portrait=load_arrays(files.fetch(files.portrait)),
            speech=speech,
            first_frame=segment.first_frame,
            n_frames=segment.n_frames,
            n_frames_total=segment.n_frames_total,
            params=task.params,
            should_stop=should_stop,
        )
        resume = load_arrays(files.fetch(files.checkpoint(segment.resume_from))) if segment.resume_from else None
        checkpoint: Arrays = {}
        for made in self._generator(task.params.engine).generate(job, resume):
            if isinstance(made, Clip):
                checkpoint = made.checkpoint
                yield made.frames
            else:
                yield made
        path = files.checkpoint(segment_name(segment.index, task.fence))
        save_arrays(path, checkpoint)
        files.keep(path)
        if checkpoint:
            files.drop_checkpoints(before=segment.index - N_EARLIER_CHECKPOINTS)

    def preload(self) -> None:
        """Load what `auto` would take, if that is slow to load, so that the first task need not wait for it.

        Raises:
            UnusableModelFile: a file is missing, cut short or another model's.
        """
        if self.engines.choose("auto").name == "hallo2":
            self._generator("hallo2")

    def _generator(self, engine: str) -> FrameGenerator:
        with _LOADING:
            if engine not in self._generators:
                generator = self.engines.load(engine).frame_generator()
                generator.load()
                self._generators[engine] = generator
            return self._generators[engine]
