"""A render without a server: what its request becomes."""

from pathlib import Path
from typing import Any

import pytest

from emo_hallo_ray.render import RenderRequest, _task
from emo_hallo_ray.super_resolution.base import EnlargeOptions


@pytest.mark.parametrize(
    ("options", "preset", "n_steps", "scheduler"),
    [
        ({}, "quality", 40, "ddim"),
        ({"preset": "draft"}, "draft", 12, "dpm++"),
        ({"preset": "draft", "inference_steps": 30, "scheduler": "ddim"}, "draft", 30, "ddim"),
    ],
)
def test_a_render_takes_steps_and_scheduler_of_its_preset_as_the_service_does(
    options: dict[str, Any], preset: str, n_steps: int, scheduler: str
) -> None:
    request = RenderRequest(Path("person.jpg"), Path("speech.wav"), Path("out.mp4"), **options)

    params = _task(request, "hallo2", "asked for", EnlargeOptions(1)).params

    assert (params.engine, params.preset) == ("hallo2", preset)
    assert (params.inference_steps, params.scheduler) == (n_steps, scheduler)
