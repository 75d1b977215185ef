"""Which enlarger serves a video, and the models that they share."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emo_hallo_ray.super_resolution.base import EnlargeOptions, Enlarger
from emo_hallo_ray.super_resolution.lanczos import LanczosEnlarger
from emo_hallo_ray.super_resolution.methods import NOTHING, Settled, settle_method
from emo_hallo_ray.weights.manifest import SUPER_RESOLUTION, files_of
from emo_hallo_ray.weights.source import WeightsSource

if TYPE_CHECKING:
    from emo_hallo_ray.super_resolution.networks import RestorationNetworks
    from emo_hallo_ray.super_resolution.tracking import FaceTracker


@dataclass(frozen=True)
class Enlargers:
    """Makes enlargers. Models are loaded when they are first needed, and kept.

    Attributes:
        weights_root: folder of the released weights.
        weights_source: from which a node fetches those that it lacks.
        device: auto, cpu or cuda.
        tile_px: side of the parts in which a background is enlarged.
    """

    weights_root: Path
    device: str = "auto"
    tile_px: int = 512
    weights_source: WeightsSource | None = None

    def settle(self, options: EnlargeOptions) -> tuple[EnlargeOptions, Settled]:
        """Options in which nothing is left open, and why they are what they are.

        Raises:
            EngineUnavailable: something that must be done cannot.
        """
        if options.factor == 1:
            return replace(options, restore_faces=False, restore_background=False), NOTHING
        kept = self.weights_source.keys if self.weights_source else ()
        settled = settle_method(self.weights_root, options.restore_faces, options.restore_background, kept)
        chosen = replace(options, restore_faces=settled.restore_faces, restore_background=settled.restore_background)
        return chosen, settled

    def make(self, options: EnlargeOptions, state: Mapping[str, Any] | None = None) -> Enlarger:
        """An enlarger for settled options.

        Args:
            state: of an earlier enlarger of the same video, to go on from there.
        """
        if not (options.restore_faces or options.restore_background):
            return LanczosEnlarger(options.factor)
        from emo_hallo_ray.super_resolution.restoration import RestoringEnlarger

        return RestoringEnlarger(options, self._networks, self._tracker, state or {})

    @cached_property
    def _networks(self) -> "RestorationNetworks":
        from emo_hallo_ray.super_resolution.networks import RestorationNetworks
        from emo_hallo_ray.weights.layout import WeightsLayout

        if self.weights_source is not None:
            self.weights_source.provide(self.weights_root, files_of(SUPER_RESOLUTION))
        return RestorationNetworks(WeightsLayout(self.weights_root), self.device, self.tile_px)

    @cached_property
    def _tracker(self) -> "FaceTracker":
        from emo_hallo_ray.super_resolution.tracking import FaceTracker

        return FaceTracker()
