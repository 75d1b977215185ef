"""What the routes work with: everything that one ingress replica holds, and who is asking."""

from dataclasses import dataclass

from fastapi import Request

from deployments.courier import Courier
from deployments.health import HealthMonitor
from deployments.janitor import Janitor
from deployments.serve_stages import ServeStages
from deployments.task_reader import TaskReader
from deployments.task_registry import Registry
from deployments.task_runner import TaskRunner
from emo_hallo_ray.engines.registry import EngineCatalog
from emo_hallo_ray.settings import Settings
from emo_hallo_ray.storage import Storage
from emo_hallo_ray.super_resolution.enlargers import Enlargers


@dataclass(frozen=True)
class Service:
    """The parts of one replica."""

    settings: Settings
    engines: EngineCatalog
    enlargers: Enlargers
    storage: Storage
    registry: Registry
    stages: ServeStages
    reader: TaskReader
    runner: TaskRunner
    janitor: Janitor
    courier: Courier
    health: HealthMonitor


# Plain functions rather than FastAPI dependencies: solving those was the largest part of a status request.


def service_of(request: Request) -> Service:
    """The service of this replica."""
    service: Service = request.app.state.service
    return service


def caller_of(request: Request) -> str | None:
    """The fingerprint of the caller's API key; None where no keys are configured."""
    caller: str | None = request.scope.get("caller")
    return caller
