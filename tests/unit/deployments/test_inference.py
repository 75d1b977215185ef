"""The parameters of a new task: what the request says, else what is configured."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deployments.routes.inference import _settle_params
from deployments.service import Service
from emo_hallo_ray.errors import EngineUnavailable
from emo_hallo_ray.schemas import InferenceForm
from emo_hallo_ray.settings import Settings
from emo_hallo_ray.super_resolution.enlargers import Enlargers
from emo_hallo_ray.tasks.model import EngineDefaults, TaskParams


@dataclass
class OneEngine:
    """A service that answers with these defaults and has the preview engine alone."""

    defaults: EngineDefaults
    settings: Settings = field(default_factory=Settings)

    @property
    def enlargers(self) -> Enlargers:
        return Enlargers(Path("nowhere"))

    @property
    def registry(self) -> "OneEngine":
        return self

    @property
    def engines(self) -> "OneEngine":
        return self

    async def call(self, method: Any) -> EngineDefaults:
        return self.defaults

    def choose(self, name: str) -> Any:
        return SimpleNamespace(name="preview", reason="asked for")


async def settled(defaults: EngineDefaults, **asked: Any) -> TaskParams:
    params, _ = await _settle_params(InferenceForm(**asked), cast(Service, OneEngine(defaults)))
    return params


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("configured", "asked", "preset", "n_steps"),
    [
        ({}, {}, "quality", 40),
        ({"inference_steps": 25}, {}, "quality", 25),
        ({"inference_steps": 25}, {"preset": "balanced"}, "balanced", 20),
        ({"inference_steps": 25}, {"preset": "draft"}, "draft", 12),
        ({"inference_steps": 25}, {"preset": "draft", "inference_steps": 30}, "draft", 30),
        ({"preset": "draft"}, {}, "draft", 12),
        ({"preset": "draft", "inference_steps": 25}, {"preset": "quality"}, "quality", 25),
    ],
)
async def test_a_preset_brings_its_own_steps(
    configured: dict[str, Any], asked: dict[str, Any], preset: str, n_steps: int
) -> None:
    params = await settled(EngineDefaults(**configured), **asked)

    assert (params.preset, params.inference_steps) == (preset, n_steps)


@pytest.mark.anyio
async def test_enlargement_is_settled_at_creation_and_refused_where_it_must_be_more_than_it_can() -> None:
    params = await settled(EngineDefaults(), upscale=2, fidelity_weight=0.7)

    assert (params.restore_faces, params.restore_background, params.fidelity_weight) == (False, False, 0.7)
    with pytest.raises(EngineUnavailable, match="restore_background cannot be done here"):
        await settled(EngineDefaults(), upscale=2, restore_background=True)
    assert (await settled(EngineDefaults(), upscale=1, restore_faces=True)).restore_faces is False
