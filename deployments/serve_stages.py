"""The pipeline's stages as Serve handles: clips travel as object references, no pixel passes through this process."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import ray
from ray.exceptions import RayTaskError
from ray.serve.handle import DeploymentHandle, DeploymentResponse

from emo_hallo_ray.engines.base import ClipProgress
from emo_hallo_ray.errors import EmoHalloError, ServiceUnavailable
from emo_hallo_ray.media.video import VideoInfo
from emo_hallo_ray.pipeline import Prepared, Segment
from emo_hallo_ray.tasks.model import Task

ClipRef: TypeAlias = "ray.ObjectRef[Any] | DeploymentResponse[Any]"


@dataclass(frozen=True)
class StageHandles:
    """One handle per stage."""

    preprocessor: DeploymentHandle
    audio_embedder: DeploymentHandle
    generator: DeploymentHandle
    super_resolver: DeploymentHandle
    encoder: DeploymentHandle


@dataclass(frozen=True)
class ServeStages:
    """`pipeline.Stages` over deployments. Every call has a deadline and is cancelled with its caller."""

    handles: StageHandles
    timeout_s: float

    async def prepare_portrait(self, task: Task) -> Prepared:
        return await self._result(self.handles.preprocessor.prepare_portrait.remote(task))

    async def prepare_speech(self, task: Task) -> Prepared:
        return await self._result(self.handles.audio_embedder.prepare.remote(task))

    def embed_speech(self, task: Task, segment: Segment) -> DeploymentResponse:
        return self.handles.audio_embedder.embed.remote(task, segment)

    async def generate(
        self, task: Task, segment: Segment, speech: DeploymentResponse
    ) -> AsyncGenerator["ClipRef | ClipProgress", None]:
        clips = self.handles.generator.options(stream=True).generate.remote(task, segment, speech)
        iterator = aiter(clips)
        try:
            while (clip := await self._result(anext(iterator, None))) is not None:
                yield clip
        finally:
            # without this the producer would run on: dropping a stream does not stop it
            clips.cancel()

    def upscale(self, task: Task, segment: Segment, clip: ClipRef, before: "ClipRef | None", is_last: bool) -> ClipRef:
        if task.params.upscale == 1:
            return clip  # spares a hop that would change nothing
        return self.handles.super_resolver.upscale.remote(task, segment, clip, before, is_last)

    async def encode_sound(self, task: Task, n_frames: int) -> None:
        await self._result(self.handles.encoder.encode_sound.remote(task, n_frames))

    async def encode(self, task: Task, segment: Segment, clips: Sequence[ClipRef]) -> None:
        await self._result(self.handles.encoder.encode.remote(task, segment, *clips))

    async def join(self, task: Task, segments: Sequence[str], n_frames: int) -> VideoInfo:
        return await self._result(self.handles.encoder.join.remote(task, list(segments), n_frames))

    async def _result(self, response: Any) -> Any:
        return await stage_result(response, self.timeout_s)


async def stage_result(response: Any, timeout_s: float) -> Any:
    """Await a stage's answer, or raise what the stage raised, in its own class.

    Raises:
        ServiceUnavailable: the stage did not answer in time.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await response
    except TimeoutError as error:
        _cancel(response)
        raise ServiceUnavailable(f"a stage did not answer within {timeout_s:g} s") from error
    except asyncio.CancelledError:
        _cancel(response)
        raise
    except RayTaskError as error:
        raise _own_error(error) from None


def _cancel(response: Any) -> None:
    if isinstance(response, DeploymentResponse):
        response.cancel()


def _own_error(error: RayTaskError) -> Exception:
    """The error as it was raised in the stage, however many calls it came through."""
    cause: Any = error
    while isinstance(cause, RayTaskError):
        cause = cause.cause
    return cause if isinstance(cause, EmoHalloError) else error
