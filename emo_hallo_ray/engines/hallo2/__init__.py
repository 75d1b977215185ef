"""The Hallo2 engine: the diffusion model with its released weights.

Importing this module is cheap; torch and its company load when a part is made.
"""

from dataclasses import dataclass
from pathlib import Path

from emo_hallo_ray.engines.base import Engine, FrameGenerator, PortraitPreparer, SpeechEmbedder
from emo_hallo_ray.weights.layout import WeightsLayout
from emo_hallo_ray.weights.manifest import FACES, HALLO2, NETWORKS, SEPARATOR, VAE, WAV2VEC, files_of
from emo_hallo_ray.weights.source import WeightsSource


@dataclass(frozen=True)
class Hallo2Options:
    """How the engine uses the machine.

    Attributes:
        frame_px: side of a frame, so that networks can be made ready for it before the first task.
        device, dtype, compile: see `Hallo2Settings`.
    """

    frame_px: int = 512
    device: str = "auto"
    dtype: str = "auto"
    compile: str = "auto"


def make_engine(weights_root: Path, options: Hallo2Options, source: WeightsSource | None = None) -> Engine:
    """The engine over one folder of weights; each part fetches what the folder lacks of its own from the source."""
    layout = WeightsLayout(weights_root)

    def provide(*folders: str) -> None:
        if source is not None:
            source.provide(weights_root, files_of(HALLO2, *folders))

    def portrait_preparer(frame_px: int) -> PortraitPreparer:
        from emo_hallo_ray.engines.hallo2.portrait import Hallo2PortraitPreparer

        provide(FACES)
        return Hallo2PortraitPreparer(layout, frame_px)

    def speech_embedder() -> SpeechEmbedder:
        from emo_hallo_ray.engines.hallo2.speech import Hallo2SpeechEmbedder

        provide(WAV2VEC, SEPARATOR)
        return Hallo2SpeechEmbedder(layout, options.device)

    def frame_generator() -> FrameGenerator:
        from emo_hallo_ray.engines.hallo2.generator import Hallo2FrameGenerator

        provide(NETWORKS, VAE)
        return Hallo2FrameGenerator(layout, options)

    return Engine("hallo2", portrait_preparer, speech_embedder, frame_generator)
