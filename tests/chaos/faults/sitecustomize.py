"""Makes processes of the service die at exact moments. Python runs this at start where this folder is on PYTHONPATH.

The service itself has no hooks for tests: its modules are patched here, right after each is imported. A test arms one
point by writing `<point> <nth>` into the file `armed`; the process that reaches the point for the nth time, counted
over all processes, renames that file to `fired`, which only one can do, and kills itself.
"""

import functools
import importlib.abc
import importlib.machinery
import inspect
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(os.environ.get("CHAOS_FOLDER", "/nonexistent"))

METHODS = {
    "emo_hallo_ray.stages.preprocessing": ("Preprocessing", ("prepare_portrait",)),
    "emo_hallo_ray.stages.speech": ("SpeechEmbedding", ("prepare", "embed")),
    "emo_hallo_ray.stages.generation": ("Generation", ("generate",)),
    "emo_hallo_ray.stages.super_resolution": ("SuperResolution", ("upscale",)),
    "emo_hallo_ray.stages.encoding": ("Encoding", ("encode", "join")),
    "deployments.task_registry": ("TaskRegistry", ("run",)),
    "emo_hallo_ray.tasks.store": (
        "TaskStore",
        ("create", "claim_next", "commit_segment", "report", "complete", "cancel"),
    ),
}


def reach(point: str) -> None:
    """Die here if a test wants it."""
    try:
        wanted, nth = (FOLDER / "armed").read_text().split()
        if wanted != point:
            return
        with (FOLDER / "hits").open("ab", buffering=0) as hits:
            hits.write(b".")
            if hits.tell() < int(nth):
                return
        (FOLDER / "armed").rename(FOLDER / "fired")
    except (FileNotFoundError, ValueError):  # nothing is armed, or another process was faster
        return
    os.kill(os.getpid(), signal.SIGKILL)


def around(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The function with a point before and one after it; a generator has one after each item too."""
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Any:
            reach(f"{name}:before")
            for item in function(*args, **kwargs):
                yield item
                reach(f"{name}:item")
            reach(f"{name}:after")

        return generate

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        reach(f"{name}:before")
        result = function(*args, **kwargs)
        reach(f"{name}:after")
        return result

    return call


def patch_class(module: ModuleType, class_name: str, methods: tuple[str, ...]) -> None:
    cls = getattr(module, class_name)
    for method in methods:
        setattr(cls, method, around(getattr(cls, method), f"{class_name}.{method}"))


def patch_registry_calls(module: ModuleType) -> None:
    """Around each call of the registry, in the process that calls."""
    plain = module.Registry.call

    async def call(self: Any, method: Any, *args: Any, **kwargs: Any) -> Any:
        reach(f"call.{method.__name__}:before")
        result = await plain(self, method, *args, **kwargs)
        reach(f"call.{method.__name__}:after")
        return result

    module.Registry.call = call


def patch_renames() -> None:
    """Around the moment in which a file becomes visible."""
    plain = Path.replace

    def replace(self: Path, target: Any) -> Any:
        kind = kind_of(Path(target)) if self.name.startswith(".") else None
        if kind:
            reach(f"rename.{kind}:before")
        result = plain(self, target)
        if kind:
            reach(f"rename.{kind}:after")
        return result

    Path.replace = replace  # type: ignore[method-assign]


def kind_of(path: Path) -> str | None:
    """Which of a task's files this is."""
    if path.name.startswith("result-"):
        return "result"
    if path.name == "task.json":
        return "manifest"
    if path.parent.name == "checkpoints":
        return "enlarging" if path.name.endswith(".enlarging.npz") else "checkpoint"
    if path.parent.name == "segments" and path.suffix == ".mp4":
        return "segment"
    return path.stem if path.parent.name == "prepared" else None


class AfterImport(importlib.abc.MetaPathFinder):
    """Patches a module as soon as it is there."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name not in METHODS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            patch_class(module, *METHODS[name])
            if name == "deployments.task_registry":
                patch_registry_calls(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


if FOLDER.is_dir():
    patch_renames()
    sys.meta_path.insert(0, AfterImport())
