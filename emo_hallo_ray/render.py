"""A video without a server: the same pipeline over local objects."""

import asyncio
import shutil
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.cache import PreprocessingCache
from emo_hallo_ray.engines.base import Arrays, ClipProgress
from emo_hallo_ray.engines.registry import EngineCatalog
from emo_hallo_ray.gpu import describe_gpus
from emo_hallo_ray.hallo2.presets import PresetName, SchedulerName, scheduler_for, steps_for
from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.media.video import VideoInfo
from emo_hallo_ray.pipeline import Prepared, Segment, run_task
from emo_hallo_ray.provenance import Provenance
from emo_hallo_ray.settings import Settings, read_settings
from emo_hallo_ray.stages.encoding import Encoding
from emo_hallo_ray.stages.generation import Generation
from emo_hallo_ray.stages.preprocessing import Preprocessing
from emo_hallo_ray.stages.speech import SpeechEmbedding
from emo_hallo_ray.stages.super_resolution import Enlarged, SuperResolution
from emo_hallo_ray.storage import Storage, atomic_path
from emo_hallo_ray.super_resolution.base import EnlargeOptions
from emo_hallo_ray.super_resolution.enlargers import Enlargers
from emo_hallo_ray.tasks.model import Task, TaskParams, TaskStatus

ProgressCallback = Callable[[int, str], None]
LocalClip = NDArray[np.uint8] | Enlarged


@dataclass(frozen=True)
class RenderRequest:
    """What to render; the parameters mean what they mean in the API."""

    image: Path
    audio: Path
    output: Path
    engine: str = "auto"
    seed: int = 42
    guidance_scale: float = 3.5
    inference_steps: int | None = None  # None is the preset's number
    pose_weight: float = 1.0
    face_weight: float = 1.0
    lip_weight: float = 1.0
    upscale: int = 1
    fidelity_weight: float = 0.5
    restore_faces: bool | None = None  # None is where there are weights
    restore_background: bool | None = None
    use_cache: bool = True
    preset: PresetName = "quality"
    scheduler: SchedulerName | None = None  # None is the preset's


@dataclass(frozen=True)
class RenderResult:
    """What came out, how many seconds each stage was busy, and what may have spoilt it."""

    path: Path
    duration_s: float
    n_frames: int
    width_px: int
    height_px: int
    engine: str
    stage_seconds: dict[str, float]
    warnings: Sequence[str] = ()


def render(request: RenderRequest, on_progress: ProgressCallback, settings: Settings | None = None) -> RenderResult:
    """Make the video and put it at `request.output`.

    Raises:
        EmoHalloError: the inputs cannot be used, or a stage failed.
    """
    settings = settings or read_settings()
    provenance = Provenance.of(settings.provenance)
    engines = EngineCatalog.of(settings, has_gpu=bool(describe_gpus()))
    engine = engines.choose(request.engine)
    enlargers = Enlargers(settings.weights.root, **settings.super_resolution.model_dump())
    enlarging, _ = enlargers.settle(
        EnlargeOptions(request.upscale, request.fidelity_weight, request.restore_faces, request.restore_background)
    )
    task = _task(request, engine.name, engine.reason, enlarging)
    with tempfile.TemporaryDirectory(prefix="emo-hallo-") as folder:
        storage = Storage(Path(folder))
        files = storage.task(task.task_id)
        files.make_folders()
        shutil.copyfile(request.image, files.image)
        shutil.copyfile(request.audio, files.audio)
        cache = PreprocessingCache(Storage.of(settings.storage).cache, settings.cache.max_bytes)
        limits, frame_px = settings.limits.media(), settings.video.frame_px
        stages = LocalStages.make(storage, cache, limits, engines, enlargers, frame_px, provenance)
        stages.preprocessing.inspect(files)
        reporter = CallbackReporter(on_progress)
        info = asyncio.run(run_task(task, files, stages, reporter, settings.video.clips_per_segment))
        with atomic_path(request.output.absolute()) as temporary:
            shutil.copyfile(files.result(task.fence), temporary)
    on_progress(100, "Task completed")
    return RenderResult(
        request.output,
        info.duration_s,
        info.n_frames,
        info.width_px,
        info.height_px,
        engine.name,
        reporter.seconds,
        reporter.warnings,
    )


@dataclass(frozen=True)
class LocalStages:
    """The stages in this process, in threads, so that generation and encoding overlap as they do in the service."""

    preprocessing: Preprocessing
    speech: SpeechEmbedding
    generation: Generation
    super_resolution: SuperResolution
    encoding: Encoding

    @classmethod
    def make(
        cls,
        storage: Storage,
        cache: PreprocessingCache,
        limits: MediaLimits,
        engines: EngineCatalog,
        enlargers: Enlargers,
        frame_px: int,
        provenance: Provenance,
    ) -> "LocalStages":
        """All stages over one storage."""
        return cls(
            Preprocessing(storage, cache, limits, engines, frame_px),
            SpeechEmbedding(storage, cache, limits, engines),
            Generation(storage, engines),
            SuperResolution(storage, enlargers),
            Encoding(storage, provenance),
        )

    async def prepare_portrait(self, task: Task) -> Prepared:
        return await asyncio.to_thread(self.preprocessing.prepare_portrait, task)

    async def prepare_speech(self, task: Task) -> Prepared:
        return await asyncio.to_thread(self.speech.prepare, task)

    def embed_speech(self, task: Task, segment: Segment) -> Arrays:
        return self.speech.embed(task, segment)

    async def generate(
        self, task: Task, segment: Segment, speech: Arrays
    ) -> AsyncGenerator[LocalClip | ClipProgress, None]:
        made = self.generation.generate(task, segment, speech, should_stop=lambda: False)
        while (frames := await asyncio.to_thread(next, made, None)) is not None:
            yield frames

    def upscale(
        self, task: Task, segment: Segment, clip: LocalClip, before: LocalClip | None, is_last: bool
    ) -> LocalClip:
        if task.params.upscale == 1:
            return clip
        assert isinstance(clip, np.ndarray)
        assert before is None or isinstance(before, Enlarged)
        return self.super_resolution.upscale(task, segment, clip, before, is_last)

    async def encode_sound(self, task: Task, n_frames: int) -> None:
        await asyncio.to_thread(self.encoding.encode_sound, task, n_frames)

    async def encode(self, task: Task, segment: Segment, clips: Sequence[LocalClip]) -> None:
        await asyncio.to_thread(self.encoding.encode, task, segment, clips)

    async def join(self, task: Task, segments: Sequence[str], n_frames: int) -> VideoInfo:
        return await asyncio.to_thread(self.encoding.join, task, segments, n_frames)


@dataclass
class CallbackReporter:
    """Passes progress to a callback; a local run has no lease to lose."""

    on_progress: ProgressCallback
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    async def log(self, level: str, message: str) -> None:
        if level == "WARNING":
            self.warnings.append(message)

    async def progress(self, percent: int, message: str, frames_done: int, frames_total: int | None) -> None:
        self.on_progress(percent, message)

    async def segment_done(self, index: int, name: str, frames_done: int) -> None:
        """Progress says it already."""

    async def segments_lost(self, n_kept: int) -> None:
        raise AssertionError("a local run never resumes")

    async def stage_took(self, stage: str, seconds: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds


def _task(request: RenderRequest, engine: str, reason: str, enlarging: EnlargeOptions) -> Task:
    now = time.time()
    options = {name: getattr(request, name) for name in TaskParams.__dataclass_fields__}
    n_steps = steps_for(request.preset, request.inference_steps, TaskParams.inference_steps)
    scheduler = scheduler_for(request.preset, request.scheduler)
    return Task(
        task_id=str(uuid.uuid4()),
        status=TaskStatus.PROCESSING,
        progress=0,
        status_message="",
        params=replace(
            TaskParams(**options),
            engine=engine,
            inference_steps=n_steps,
            scheduler=scheduler,
            restore_faces=bool(enlarging.restore_faces),
            restore_background=bool(enlarging.restore_background),
        ),
        engine_reason=reason,
        created_at=now,
        updated_at=now,
        fence=1,
    )
