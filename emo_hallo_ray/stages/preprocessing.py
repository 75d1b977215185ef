"""The first stage: is the upload usable, and what does the engine need to know of the portrait?"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from emo_hallo_ray.cache import PreprocessingCache, content_key
from emo_hallo_ray.engines.registry import EngineCatalog
from emo_hallo_ray.media.audio import AudioInfo, inspect_audio
from emo_hallo_ray.media.image import decode_portrait
from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.media.thumbnail import save_thumbnail
from emo_hallo_ray.pipeline import CacheUse, Prepared
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

    def inspect(self, files: TaskFiles) -> AudioInfo:
        """Decode both uploads to their ends and look for a face, so that nothing unusable is ever queued.

        A thumbnail of the portrait stays in the task's folder.

        Raises:
            InputError: one of its subclasses says which file is wrong, and how.
        """
        from emo_hallo_ray.faces.selection import find_main_face

        portrait = decode_portrait(files.fetch(files.image), self.limits)
        find_main_face(portrait)
        audio = inspect_audio(files.fetch(files.audio), self.limits)
        save_thumbnail(portrait, files.thumbnail)
        files.keep(files.thumbnail)
        return audio

    def describe_portrait(self, files: TaskFiles) -> dict[str, Any]:
        """What there is to see in a picture, as `schemas.PortraitView`.

        Raises:
            InputError: it cannot be animated.
        """
        from emo_hallo_ray.faces.selection import find_main_face
        from emo_hallo_ray.faces.wireframe import wireframe

        portrait = decode_portrait(files.fetch(files.image), self.limits)
        height_px, width_px = portrait.shape[:2]
        main = find_main_face(portrait)
        return {
            "face": (main.face.box.reshape(2, 2) / (width_px, height_px)).round(4).ravel().tolist(),
            "points": (main.points[:, :2] / (width_px, height_px)).round(4).tolist(),
            "lines": wireframe(main.points).tolist(),
            "remarks": list(main.remarks),
        }

    def describe_recording(self, files: TaskFiles) -> dict[str, Any]:
        """What a recording holds, as `schemas.RecordingView`.

        Raises:
            InputError: it cannot be used.
        """
        info = inspect_audio(files.fetch(files.audio), self.limits)
        return {
            "duration": round(info.duration_s, 3),
            "codec": info.codec,
            "sample_rate": info.sample_rate_hz,
            "channels": info.channel_layout,
        }

    def prepare_portrait(self, task: Task) -> Prepared:
        """Leave the engine's portrait conditioning in the task's folder, from the cache where it may."""
        files = self.storage.task(task.task_id)
        cache, how = self._place_portrait(task, files)
        warnings = [str(line) for line in load_arrays(files.fetch(files.portrait))[WARNINGS]]
        return Prepared([how], warnings=warnings, cache=cache)

    def _place_portrait(self, task: Task, files: TaskFiles) -> tuple[CacheUse | None, str]:
        if files.has(files.portrait):
            return None, "portrait was prepared by an earlier attempt"
        preparer = self.engines.load(task.params.engine).portrait_preparer(self.frame_px)
        image = files.fetch(files.image)
        key = content_key(image, task.params.engine, preparer.version)
        if task.params.use_cache and self.cache.fetch(key, files.portrait):
            files.keep(files.portrait)
            return "hit", "portrait taken from the preprocessing cache (hit)"
        arrays, warnings = preparer.prepare(decode_portrait(image, self.limits))
        save_arrays(files.portrait, {**arrays, WARNINGS: np.array(warnings, dtype=np.str_)})
        files.keep(files.portrait)
        if not task.params.use_cache:
            return "off", "portrait prepared; the cache was not asked (use_cache=false)"
        self.cache.store(key, files.portrait)
        return "miss", "portrait prepared and put into the preprocessing cache (miss)"
