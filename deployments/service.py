"""What the routes work with: everything that one ingress replica holds."""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Request

from deployments.health import HealthMonitor
from deployments.serve_stages import ServeStages
from deployments.task_reader import TaskReader
from deployments.task_registry import Registry
from deployments.task_runner import TaskRunner
from emo_hallo_ray.errors import Unauthorized
from emo_hallo_ray.settings import Settings
from emo_hallo_ray.storage import Storage


@dataclass(frozen=True)
class Service:
    """Handed to every route."""

    settings: Settings
    storage: Storage
    registry: Registry
    stages: ServeStages
    reader: TaskReader
    runner: TaskRunner
    health: HealthMonitor


async def get_service(request: Request) -> Service:
    """The service of this replica. A coroutine, because FastAPI sends plain functions through a thread pool."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(get_service)]


async def check_access(request: Request, service: ServiceDep) -> str | None:
    """The caller's fingerprint: the hash of a known API key, or None where no keys are configured.

    Raises:
        Unauthorized: keys are configured and the request carries none of them.
    """
    known = service.settings.access.api_key_hashes
    if not known:
        return None
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    presented = sha256((key if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")).encode())
    # every hash is compared, so that the time taken tells nothing
    matches = [secrets.compare_digest(presented.hexdigest(), each.lower()) for each in known]
    if not any(matches):
        raise Unauthorized("No valid API key was given", "send the header 'Authorization: Bearer <key>'")
    return presented.hexdigest()


CallerDep = Annotated[str | None, Depends(check_access)]
