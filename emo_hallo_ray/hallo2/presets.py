"""Quality against time: what each preset gives up."""

from dataclasses import dataclass
from typing import Literal

SchedulerName = Literal["ddim", "dpm++"]
PresetName = Literal["quality", "balanced", "draft"]  # as a request or the configuration spells it


@dataclass(frozen=True)
class Preset:
    """How a clip is sampled.

    Attributes:
        default_steps: where the request names no number.
        scheduler: where the request names none; see `Schedule`.
        guided: share of the steps, from and to, that have guidance; the others cost half
            ("Applying Guidance in a Limited Interval", arXiv:2404.07724).
        deep_every: the network's inside is computed anew at every so many steps and taken from the last time at the
            others ("DeepCache", arXiv:2312.00858). 1 is always.
    """

    name: str
    default_steps: int
    scheduler: SchedulerName = "ddim"
    guided: tuple[float, float] = (0.0, 1.0)
    deep_every: int = 1

    def guides(self, step: int, n_steps: int) -> bool:
        """Whether this step, counted from 0, is guided."""
        first, last = self.guided
        return first * n_steps <= step < last * n_steps

    def renews(self, step: int) -> bool:
        """Whether this step, counted from 0, computes the network's inside."""
        return step % self.deep_every == 0


QUALITY = Preset("quality", default_steps=40)
BALANCED = Preset("balanced", default_steps=20, scheduler="dpm++", guided=(0.2, 1.0))
DRAFT = Preset("draft", default_steps=12, scheduler="dpm++", guided=(0.2, 0.9), deep_every=2)
PRESETS = {preset.name: preset for preset in (QUALITY, BALANCED, DRAFT)}


def steps_for(preset: str, asked: int | None, configured: int) -> int:
    """The number of denoising steps of a task.

    Args:
        asked: what the request says, which always counts.
        configured: what applies where it says nothing; to quality only, since a quicker preset has its own number.
    """
    if asked is not None:
        return asked
    return configured if preset == QUALITY.name else PRESETS[preset].default_steps


def scheduler_for(preset: str, asked: str | None) -> str:
    """The scheduler of a task: what the request says, else the preset's."""
    return asked if asked is not None else PRESETS[preset].scheduler
