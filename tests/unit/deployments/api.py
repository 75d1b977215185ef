"""The real REST application in this process: real routes, middleware and task store; nothing runs the tasks."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from fastapi import FastAPI
from starlette.testclient import TestClient

from deployments.courier import Courier
from deployments.ingress import build_api
from deployments.service import Service
from deployments.task_reader import TaskReader
from deployments.task_registry import Registry, TaskRegistry
from emo_hallo_ray.engines.registry import EngineCatalog
from emo_hallo_ray.settings import Settings
from emo_hallo_ray.storage import Storage
from emo_hallo_ray.super_resolution.enlargers import Enlargers
from emo_hallo_ray.tasks.store import StoreLimits

FILES = {"image_file": ("a.jpg", b"picture"), "audio_file": ("a.wav", b"sound")}


class NearRegistry:
    """`Registry` without the actor."""

    def __init__(self, database: Path) -> None:
        self._store = TaskRegistry(database, StoreLimits(), "test")

    async def call(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(self._store, method.__name__)(*args, **kwargs)


class Inspector:
    """Finds every upload good."""

    @property
    def inspect(self) -> "Inspector":
        return self

    async def remote(self, *paths: Path) -> None:
        return None


class NoRunner:
    """Lets tasks wait."""

    def start(self) -> None: ...

    async def stop(self) -> None: ...

    def notice_new_task(self) -> None: ...

    def cancel(self, task_id: str) -> None: ...


class RestingCourier(Courier):
    """Checks addresses, and delivers nothing."""

    def start(self) -> None: ...

    async def stop(self) -> None: ...


class RestingReader(TaskReader):
    """Is not announced."""

    def start(self) -> None: ...

    async def stop(self) -> None: ...


class GoodHealth:
    async def full(self) -> dict[str, Any]:
        return {"status": "healthy", "timestamp": "2024-01-15T10:30:00Z"}

    brief = full


def make_api(folder: Path, **sections: dict[str, Any]) -> FastAPI:
    """The application with these settings, its data in `folder`."""
    settings = Settings.model_validate({"storage": {"root": folder}, **sections})
    storage = Storage(folder)
    registry = cast(Registry, NearRegistry(storage.database))
    service = Service(
        settings=settings,
        engines=EngineCatalog(weights_root=folder / "weights"),
        enlargers=Enlargers(folder / "weights"),
        storage=storage,
        registry=registry,
        stages=cast(Any, SimpleNamespace(handles=SimpleNamespace(preprocessor=Inspector()))),
        reader=RestingReader(registry),
        runner=cast(Any, NoRunner()),
        janitor=cast(Any, NoRunner()),
        courier=RestingCourier(registry, settings.webhooks),
        health=cast(Any, GoodHealth()),
    )
    return build_api(service)


def caller(app: FastAPI, key: str | None = None, **options: Any) -> TestClient:
    """Somebody who talks to it; to be used as a context manager, or each request has an event loop of its own."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return TestClient(app, headers=headers, raise_server_exceptions=False, **options)
