"""Quality against time: what each preset gives up."""

from dataclasses import dataclass

from emo_hallo_ray.hallo2.schedule import Solver


@dataclass(frozen=True)
class Preset:
    """How a clip is sampled.

    Attributes:
        default_steps: where the request names no number.
        guided: share of the steps, from and to, that have guidance; the others cost half
            ("Applying Guidance in a Limited Interval", arXiv:2404.07724).
        deep_every: the network's inside is computed anew at every so many steps and taken from the last time at the
            others ("DeepCache", arXiv:2312.00858). 1 is always.
    """

    name: str
    default_steps: int
    solver: Solver = "ddim"
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
BALANCED = Preset("balanced", default_steps=20, solver="dpm++", guided=(0.1, 0.8))
DRAFT = Preset("draft", default_steps=12, solver="dpm++", guided=(0.0, 0.5), deep_every=2)
PRESETS = {preset.name: preset for preset in (QUALITY, BALANCED, DRAFT)}
