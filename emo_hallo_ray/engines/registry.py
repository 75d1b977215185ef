"""Which engines exist, which can run here, and which one a task gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module

from emo_hallo_ray.engines.base import Engine
from emo_hallo_ray.errors import EngineUnavailable

NO_HALLO2 = "the Hallo2 engine is not part of this version"


@dataclass(frozen=True)
class EngineStatus:
    """Whether an engine can run here, and why or why not, in words for people."""

    name: str
    available: bool
    reason: str


@dataclass(frozen=True)
class EngineCatalog:
    """The engines by name, each as the import path of its `Engine`; travels to every process that runs a part of one.

    Attributes:
        extra: engines from outside this package, such as a test's, as "module:attribute".
    """

    extra: Mapping[str, str] = field(default_factory=dict)

    def statuses(self) -> list[EngineStatus]:
        """The state of every engine, the preferred one first. Cheap: imports nothing."""
        return [
            EngineStatus("hallo2", False, NO_HALLO2),
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
            chosen = next(status for status in statuses if status.available)
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
        module, _, attribute = {"preview": "emo_hallo_ray.engines.preview:ENGINE", **self.extra}[name].partition(":")
        engine: Engine = getattr(import_module(module), attribute)
        return engine


def engine_statuses() -> list[EngineStatus]:
    """The state of the engines of this package."""
    return EngineCatalog().statuses()
