"""Which engines exist, which can run here, and which one a task gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from emo_hallo_ray.engines.base import Engine
from emo_hallo_ray.engines.hallo2 import Hallo2Options, make_engine
from emo_hallo_ray.errors import EngineUnavailable
from emo_hallo_ray.settings import Settings
from emo_hallo_ray.weights.layout import missing_files
from emo_hallo_ray.weights.source import WeightsSource

HALLO2_PACKAGES = ("torch", "diffusers", "transformers")


@dataclass(frozen=True)
class EngineStatus:
    """Whether an engine can run here, and why or why not, in words for people.

    Attributes:
        suits_auto: whether `auto` may take it; an engine that can run may still be far too slow here.
    """

    name: str
    available: bool
    reason: str
    suits_auto: bool = True


@dataclass(frozen=True)
class EngineCatalog:
    """The engines by name; travels to every process that runs a part of one.

    Attributes:
        extra: engines from outside this package, such as a test's, as "module:attribute".
        weights_root: folder of the released weights.
        weights_source: from which a node fetches those that it lacks.
        hallo2: how that engine uses the machine.
        has_gpu: whether the model stages will have a GPU, which this process need not see.
    """

    extra: Mapping[str, str] = field(default_factory=dict)
    weights_root: Path = Path("pretrained_models")
    hallo2: Hallo2Options = field(default_factory=Hallo2Options)
    has_gpu: bool = False
    weights_source: WeightsSource | None = None

    @classmethod
    def of(cls, settings: Settings, has_gpu: bool, weights_source: WeightsSource | None = None) -> "EngineCatalog":
        """As configured."""
        options = Hallo2Options(settings.video.frame_px, **settings.hallo2.model_dump())
        return cls(settings.engine.extra, settings.weights.root, options, has_gpu, weights_source)

    def statuses(self) -> list[EngineStatus]:
        """The state of every engine, the preferred one first. Cheap: imports nothing, looks at files."""
        return [
            self._hallo2_status(),
            EngineStatus("preview", True, "its models ship with the package"),
            *(EngineStatus(name, True, f"configured: {path}") for name, path in self.extra.items()),
        ]

    def choose(self, requested: str) -> EngineStatus:
        """Settle `auto`, and refuse what cannot run; the reason says why this one.

        Raises:
            EngineUnavailable: the engine was asked for by name and cannot run here.
        """
        statuses = self.statuses()
        if requested == "auto":
            chosen = next(status for status in statuses if status.available and status.suits_auto)
            passed_over = [f"{status.name}: {status.reason}" for status in statuses[: statuses.index(chosen)]]
            return EngineStatus(chosen.name, True, "; ".join(["chosen by auto", *passed_over]))
        status = next((status for status in statuses if status.name == requested), None)
        choices = ", ".join(["auto", *(status.name for status in statuses if status.available)])
        if status is None:
            raise EngineUnavailable(f"There is no engine '{requested}'", f"one of: {choices}")
        if not status.available:
            raise EngineUnavailable(f"Engine '{requested}' cannot run here: {status.reason}", f"one of: {choices}")
        return EngineStatus(requested, True, "asked for")

    def load(self, name: str) -> Engine:
        """The engine's parts; its heavy imports happen when a part is made."""
        if name == "hallo2":
            return make_engine(self.weights_root, self.hallo2, self.weights_source)
        module, _, attribute = {"preview": "emo_hallo_ray.engines.preview:ENGINE", **self.extra}[name].partition(":")
        engine: Engine = getattr(import_module(module), attribute)
        return engine

    def _hallo2_status(self) -> EngineStatus:
        if absent := [package for package in HALLO2_PACKAGES if find_spec(package) is None]:
            remedy = "pip install 'emo-hallo-ray[hallo2]'"
            return EngineStatus("hallo2", False, f"{', '.join(absent)} not installed; get them with: {remedy}")
        if missing := missing_files(self.weights_root, "hallo2", self.weights_source):
            more = f" and {len(missing) - 1} more" if missing[1:] else ""
            remedy = "emo-hallo models download"
            return EngineStatus("hallo2", False, f"weights are missing ({missing[0]}{more}); get them with: {remedy}")
        if not self.has_gpu:
            reason = "its weights are here, but no GPU; on a CPU it takes hours, so it must be asked for by name"
            return EngineStatus("hallo2", True, reason, suits_auto=False)
        return EngineStatus("hallo2", True, "its weights and a GPU are here")
