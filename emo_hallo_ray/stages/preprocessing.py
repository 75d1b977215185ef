"""The first stage: is the upload usable, and what does the engine need to know of the portrait?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emo_hallo_ray.cache import PreprocessingCache, content_key
from emo_hallo_ray.engines.registry import EngineCatalog
from emo_hallo_ray.media.audio import AudioInfo, inspect_audio
from emo_hallo_ray.media.image import decode_portrait
from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.pipeline import Prepared
from emo_hallo_ray.storage import Storage, TaskFiles, load_arrays, save_arrays
from emo_hallo_ray.tasks.model import Task

WARNINGS = "warnings"  # kept with the conditioning, so that a cached portrait warns as a new one does


@dataclass(frozen=True)
class Preprocessing:
    """Checks uploads before they are queued, and prepares portraits."""

    storage: Storage
    cache: PreprocessingCache
    limits: MediaLimits
    engines: EngineCatalog
    frame_px: int

    def inspect(self, image: Path, audio: Path) -> AudioInfo:
        """Decode both files to their ends and look for a face, so that nothing unusable is ever queued.

        Raises:
            InputError: one of its subclasses says which file is wrong, and how.
        """
        from emo_hallo_ray.faces.selection import find_main_face

        find_main_face(decode_portrait(image, self.limits))
        return inspect_audio(audio, self.limits)

    def prepare_portrait(self, task: Task) -> Prepared:
        """Leave the engine's portrait conditioning in the task's folder, from the cache where it may."""
        files = self.storage.task(task.task_id)
        how = self._place_portrait(task, files)
        return Prepared([how], warnings=[str(line) for line in load_arrays(files.portrait)[WARNINGS]])

    def _place_portrait(self, task: Task, files: TaskFiles) -> str:
        if files.portrait.exists():
            return "portrait was prepared by an earlier attempt"
        preparer = self.engines.load(task.params.engine).portrait_preparer(self.frame_px)
        key = content_key(files.image, task.params.engine, preparer.version)
        if task.params.use_cache and self.cache.fetch(key, files.portrait):
            return "portrait taken from the preprocessing cache (hit)"
        arrays, warnings = preparer.prepare(decode_portrait(files.image, self.limits))
        save_arrays(files.portrait, {**arrays, WARNINGS: np.array(warnings, dtype=np.str_)})
        if not task.params.use_cache:
            return "portrait prepared; the cache was not asked (use_cache=false)"
        self.cache.store(key, files.portrait)
        return "portrait prepared and put into the preprocessing cache (miss)"
