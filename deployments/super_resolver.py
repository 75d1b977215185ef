"""The stage that enlarges clips; shares a GPU with the generator where there is one."""

import asyncio
from typing import Any

from ray import serve

from emo_hallo_ray.stages.super_resolution import upscale


@serve.deployment(name="SuperResolver", max_ongoing_requests=1)
class SuperResolver:
    async def upscale(self, frames: Any, factor: int) -> Any:
        return await asyncio.to_thread(upscale, frames, factor)
