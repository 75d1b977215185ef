"""The one place that binds deployments together. `serve run` calls `build` with the `args` of serve_config.yaml."""

# no `from __future__ import annotations` here: Serve reads the annotation of `build` at run time
from typing import Any

import ray
from ray.serve import Application
from ray.serve.schema import LoggingConfig

from deployments.audio_embedder import AudioEmbedder
from deployments.encoder import Encoder
from deployments.generator import Generator
from deployments.ingress import Ingress
from deployments.preprocessor import Preprocessor
from deployments.resources import choose_resources
from deployments.super_resolver import SuperResolver
from deployments.task_registry import RegistryAddress
from emo_hallo_ray.cache import PreprocessingCache
from emo_hallo_ray.engines.registry import EngineCatalog
from emo_hallo_ray.provenance import Provenance
from emo_hallo_ray.settings import Settings
from emo_hallo_ray.stages.encoding import Encoding
from emo_hallo_ray.stages.generation import Generation
from emo_hallo_ray.stages.preprocessing import Preprocessing
from emo_hallo_ray.stages.speech import SpeechEmbedding
from emo_hallo_ray.stages.super_resolution import SuperResolution
from emo_hallo_ray.storage import ObjectStore, Storage
from emo_hallo_ray.super_resolution.enlargers import Enlargers
from emo_hallo_ray.tasks.store import StoreLimits
from emo_hallo_ray.weights.source import WeightsSource


def build(settings: Settings) -> Application:
    """Bind every stage with its part of the settings and a share of the cluster it will run on."""
    # `serve run module:build` calls this before Ray runs; then only fractional CPUs are asked for
    cluster = ray.cluster_resources() if ray.is_initialized() else {}
    resources = choose_resources(settings.resources.gpu, cluster)
    storage = Storage.of(settings.storage)
    cache = PreprocessingCache(storage.cache, settings.cache.max_bytes)
    limits = settings.limits.media()
    weights = settings.weights
    source = WeightsSource.at(ObjectStore(weights.source, weights.options)) if weights.source else None
    engines = EngineCatalog.of(settings, has_gpu="num_gpus" in resources.generator, weights_source=source)
    enlargers = Enlargers(settings.weights.root, **settings.super_resolution.model_dump(), weights_source=source)
    registry = RegistryAddress(
        storage.database,
        StoreLimits(
            max_queued=settings.tasks.max_queued,
            max_concurrent=settings.tasks.max_concurrent,
            max_attempts=settings.tasks.max_attempts,
            lease_s=settings.tasks.lease_s,
        ),
    )
    log = LoggingConfig(
        encoding="JSON" if settings.logging.format == "json" else "TEXT",
        log_level=settings.logging.level,
        enable_access_log=False,  # status polling would fill it; metrics count requests
    )

    def bind(deployment: Any, ray_actor_options: dict[str, Any], *arguments: Any) -> Application:
        options = deployment.options(ray_actor_options=ray_actor_options, logging_config=log)
        return options.bind(*arguments)

    return bind(
        Ingress,
        resources.ingress,
        settings,
        engines,
        enlargers,
        registry,
        bind(
            Preprocessor,
            resources.preprocessor,
            Preprocessing(storage, cache, limits, engines, settings.video.frame_px),
        ),
        bind(AudioEmbedder, resources.audio_embedder, SpeechEmbedding(storage, cache, limits, engines)),
        bind(Generator, resources.generator, Generation(storage, engines), registry),
        bind(SuperResolver, resources.super_resolver, SuperResolution(storage, enlargers)),
        bind(Encoder, resources.encoder, Encoding(storage, Provenance.of(settings.provenance))),
    )
