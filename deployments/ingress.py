"""The deployment that serves REST and runs the queue. It holds no pixels and no models."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from ray import serve
from ray.serve.handle import DeploymentHandle

from deployments import http_errors
from deployments.access import RequireApiKey
from deployments.body_limit import BodyLimit
from deployments.cors import allow_origins
from deployments.courier import Courier
from deployments.docs_policy import DocsPolicy
from deployments.exposure import warn_if_open
from deployments.health import HealthMonitor
from deployments.janitor import Janitor
from deployments.logs import logger
from deployments.openapi import build_openapi
from deployments.page import serve_page
from deployments.routes import health, inference, inspection, tasks, watching
from deployments.security_headers import SecurityHeaders
from deployments.serve_stages import ServeStages, StageHandles
from deployments.service import Service
from deployments.task_reader import TaskReader
from deployments.task_registry import RegistryAddress
from deployments.task_runner import TaskRunner
from emo_hallo_ray import __version__
from emo_hallo_ray.engines.registry import EngineCatalog
from emo_hallo_ray.settings import Settings, unused_variables
from emo_hallo_ray.storage import Storage
from emo_hallo_ray.super_resolution.enlargers import Enlargers


@serve.deployment(name="Ingress", max_ongoing_requests=1000, graceful_shutdown_timeout_s=20)
@serve.ingress()
class Ingress:
    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self,
        settings: Settings,
        engines: EngineCatalog,
        enlargers: Enlargers,
        registry: RegistryAddress,
        preprocessor: DeploymentHandle,
        audio_embedder: DeploymentHandle,
        generator: DeploymentHandle,
        super_resolver: DeploymentHandle,
        encoder: DeploymentHandle,
    ) -> None:
        for name in unused_variables():
            logger.warning("environment variable %s names no setting; is it misspelt?", name)
        await warn_if_open(has_keys=bool(settings.access.api_key_hashes))
        storage = Storage.of(settings.storage)
        connected = await registry.connect()
        handles = StageHandles(preprocessor, audio_embedder, generator, super_resolver, encoder)
        stages = ServeStages(handles, settings.limits.segment_timeout_s)
        runner = TaskRunner(connected, storage, stages, settings)
        app_name = serve.get_replica_context().app_name
        self._service = Service(
            settings=settings,
            engines=engines,
            enlargers=enlargers,
            storage=storage,
            registry=connected,
            stages=stages,
            reader=TaskReader(connected),
            runner=runner,
            janitor=Janitor(connected, storage, settings.retention),
            courier=Courier(connected, settings.webhooks),
            health=HealthMonitor(connected, engines, app_name, lambda: runner.trouble),
        )

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Called by Serve after the constructor."""
        return build_api(self._service)


def build_api(service: Service) -> FastAPI:
    """The REST application over one service."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        helpers = (service.reader, service.runner, service.janitor, service.courier)
        for helper in helpers:
            helper.start()
        yield
        await asyncio.gather(*(helper.stop() for helper in helpers))

    app = FastAPIOffline(
        title="Emo Hallo Ray",
        description="A portrait and a recording in, a talking portrait out.",
        version=__version__,
        lifespan=lifespan,
        redirect_slashes=False,  # one address a route: a redirected upload would be sent twice
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = service
    app.openapi = lambda: build_openapi(app)  # as FastAPI documents it
    for module in (tasks, health, watching, inference, inspection):  # tried in order: the most frequent first
        app.include_router(module.router)
    serve_page(app)
    access = service.settings.access
    # from the inside out
    app.add_middleware(BodyLimit)
    if access.api_key_hashes:
        app.add_middleware(RequireApiKey, key_hashes=access.api_key_hashes)
    http_errors.install(app)
    if access.cors_origins:
        allow_origins(app, access.cors_origins)
    app.add_middleware(DocsPolicy)
    app.add_middleware(SecurityHeaders)
    return app
