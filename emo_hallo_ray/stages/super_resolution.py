"""The fourth stage: more pixels, clip after clip, while the generator makes the next one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emo_hallo_ray.media.frames import Frames
from emo_hallo_ray.pipeline import Segment, segment_name
from emo_hallo_ray.storage import Storage, load_arrays, save_arrays
from emo_hallo_ray.super_resolution.base import EnlargeOptions
from emo_hallo_ray.super_resolution.enlargers import Enlargers
from emo_hallo_ray.tasks.model import Task


@dataclass(frozen=True)
class Enlarged:
    """What is finished of a segment by now, and what the next clip has to know.

    Attributes:
        frames: (F, factor × H, factor × W, 3); F may be 0: the restorer looks at what follows before it decides.
    """

    frames: Frames
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SuperResolution:
    """Enlarges clips in their order. Nothing of a task stays here: any replica can go on with the next clip."""

    storage: Storage
    enlargers: Enlargers

    def upscale(self, task: Task, segment: Segment, clip: Frames, before: Enlarged | None, is_last: bool) -> Enlarged:
        """Enlarge one clip, (F, H, W, 3).

        Args:
            before: what the clip before gave; None for the first one of an attempt.
            is_last: whether the clip ends the segment; then all frames come out, and what the next segment has to know
                is left in storage.

        Raises:
            UnusableModelFile: a file of weights is missing, cut short or another model's.
        """
        files = self.storage.task(task.task_id)
        state: Mapping[str, Any] = before.state if before else {}
        if before is None and segment.resume_from:
            state = load_arrays(files.fetch(files.enlarging(segment.resume_from)))
        enlarger = self.enlargers.make(options_of(task), state)
        frames = enlarger.push(clip)
        if is_last:
            frames = _join(frames, enlarger.finish())
        state = getattr(enlarger, "state", {})
        if is_last:
            path = files.enlarging(segment_name(segment.index, task.fence))
            save_arrays(path, state)
            files.keep(path)
        return Enlarged(frames, state)


def options_of(task: Task) -> EnlargeOptions:
    """As settled when the task was created."""
    params = task.params
    return EnlargeOptions(params.upscale, params.fidelity_weight, params.restore_faces, params.restore_background)


def _join(first: Frames, second: Frames) -> Frames:
    return np.concatenate([first, second]) if len(first) and len(second) else (first if len(first) else second)
