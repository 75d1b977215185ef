"""The Hallo2 engine's `FrameGenerator`: the walk over a recording, clip by clip."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emo_hallo_ray.engines.base import N_CLIP_FRAMES, Arrays, Clip, ClipProgress, GenerationJob
from emo_hallo_ray.engines.hallo2 import Hallo2Options
from emo_hallo_ray.engines.hallo2.loading import choose_device, choose_dtype, load_sampler
from emo_hallo_ray.errors import TaskCancelled
from emo_hallo_ray.hallo2.acceleration import make_ready, use_all_cores
from emo_hallo_ray.hallo2.audio import REGIONS
from emo_hallo_ray.hallo2.presets import PRESETS, SchedulerName
from emo_hallo_ray.hallo2.sampling import ClipSampler, Subject
from emo_hallo_ray.hallo2.walk import Walk, WalkOptions, WalkState
from emo_hallo_ray.memory import blaming_memory
from emo_hallo_ray.speech.windows import windows
from emo_hallo_ray.tasks.model import TaskParams
from emo_hallo_ray.weights.layout import WeightsLayout

N_LEVELS = 4


class Hallo2FrameGenerator:
    """Makes frames of any stretch of a video that begins where its checkpoint ends."""

    def __init__(self, layout: WeightsLayout, options: Hallo2Options) -> None:
        self._layout = layout
        self._options = options
        self._device = choose_device(options.device)
        self._sampler: ClipSampler
        self._decoding = ThreadPoolExecutor(1, thread_name_prefix="decoding")

    def load(self) -> None:
        """Read the weights, and make the networks ready for frames of the configured size.

        Raises:
            UnusableModelFile: a file is missing, cut short or another model's.
            OutOfMemory: the networks, or a clip of that size, do not fit.
        """
        if self._device.type == "cpu":
            use_all_cores()
        dtype = choose_dtype(self._options.dtype, self._device)
        with blaming_memory():
            self._sampler = load_sampler(self._layout, self._device, dtype)
            make_ready(self._sampler, self._options.frame_px, N_CLIP_FRAMES, self._options.compile)

    def generate(self, job: GenerationJob, resume: Arrays | None) -> Iterator[Clip | ClipProgress]:
        """Yield progress after every denoising step, and each clip when it is decoded.

        On a GPU a clip is decoded while the next one is denoised.

        Raises:
            TaskCancelled: `job.should_stop` said so.
            OutOfMemory: a clip does not fit, whatever is done in parts. The next job finds everything as it was.
        """
        with blaming_memory():
            yield from self._walk(job, resume)

    def _walk(self, job: GenerationJob, resume: Arrays | None) -> Iterator[Clip | ClipProgress]:
        options = _walk_options(job.params)
        walk = Walk(self._sampler, _subject(job), _source(job.portrait), options, _state(resume))
        heard = windows(torch.from_numpy(job.speech["rows"]))
        waiting: list[_Decoding] = []
        n_waiting = 1 if self._device.type == "cuda" else 0
        for start in range(0, job.n_frames, N_CLIP_FRAMES):
            for step in walk.denoise(heard[start : start + N_CLIP_FRAMES]):
                if job.should_stop():
                    raise TaskCancelled("the task was cancelled while frames were made")
                yield ClipProgress(step.done, options.n_steps)
            tail = walk.finish(step.latents)
            rest = self._decode(walk, step.latents)
            n_frames = min(N_CLIP_FRAMES, job.n_frames - start)
            waiting.append(_Decoding(rest, tail, n_frames, _checkpoint(walk.state)))
            if len(waiting) > n_waiting:
                yield waiting.pop(0).clip()
        for decoding in waiting:
            yield decoding.clip()

    def _decode(self, walk: Walk, latents: Tensor) -> "Future[Tensor]":
        if self._device.type != "cuda":
            finished: Future[Tensor] = Future()
            finished.set_result(walk.decode_rest(latents))
            return finished
        beside = torch.cuda.Stream(self._device)
        beside.wait_stream(torch.cuda.current_stream(self._device))
        latents.record_stream(beside)

        def decode() -> Tensor:
            with torch.cuda.stream(beside):
                return walk.decode_rest(latents).cpu()

        return self._decoding.submit(decode)


@dataclass(frozen=True)
class _Decoding:
    """A clip whose first frames may still be on their way."""

    rest: "Future[Tensor]"
    tail: Tensor
    n_frames: int
    checkpoint: Arrays

    def clip(self) -> Clip:
        """Wait for the frames. What exceeds the recording is left out."""
        frames = torch.cat([self.rest.result().cpu(), self.tail.cpu()])[: self.n_frames]
        return Clip(_to_bytes(frames), self.checkpoint)


def _to_bytes(frames: Tensor) -> NDArray[np.uint8]:
    """(F, 3, H, W) in 0…1 → (F, H, W, 3); truncated and not rounded, as the original does."""
    channels_last: NDArray[np.uint8] = (frames * 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    return channels_last


def _walk_options(params: TaskParams) -> WalkOptions:
    return WalkOptions(
        seed=params.seed,
        n_steps=params.inference_steps,
        guidance_scale=params.guidance_scale,
        preset=replace(PRESETS[params.preset], scheduler=cast(SchedulerName, params.scheduler)),
    )


def _source(portrait: Arrays) -> Tensor:
    return torch.from_numpy(portrait["pixels"]).permute(2, 0, 1) / 255 * 2 - 1


def _subject(job: GenerationJob) -> Subject:
    portrait: Any = job.portrait
    params = job.params
    return Subject(
        identity=torch.from_numpy(portrait["identity"]),
        face_region=torch.from_numpy(portrait["face_region"]) / 255,
        masks=[
            torch.stack([torch.from_numpy(portrait[f"{region}_mask.{level}"][0]) for region in REGIONS], dim=-1)
            for level in range(N_LEVELS)
        ],
        region_weights=torch.tensor([params.pose_weight, params.face_weight, params.lip_weight]),
    )


def _checkpoint(state: WalkState) -> Arrays:
    return {"motion": state.motion.numpy(), "random": state.random.numpy()}


def _state(resume: Any) -> WalkState | None:
    return WalkState(torch.from_numpy(resume["motion"]), torch.from_numpy(resume["random"])) if resume else None
