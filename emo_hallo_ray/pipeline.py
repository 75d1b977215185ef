"""One task from uploaded files to finished video, on one page.

The page knows neither Ray nor pixels: a clip is an opaque reference that one stage made and another will use. In the
service the stages are deployments, in `emo-hallo render` plain local objects; same page, same result.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Literal, Protocol, TypeVar

from emo_hallo_ray.engines.base import N_CLIP_FRAMES, ClipProgress
from emo_hallo_ray.media.video import VideoInfo
from emo_hallo_ray.storage import TaskFiles
from emo_hallo_ray.super_resolution.methods import describe
from emo_hallo_ray.tasks.model import Task

ClipRef = TypeVar("ClipRef")
SpeechRef = TypeVar("SpeechRef")
T = TypeVar("T")

GENERATING = "Running inference..."
REPORT_EVERY_S = 1.0  # steps can be quicker than anybody reads


@dataclass(frozen=True)
class Segment:
    """The unit that progress counts, storage keeps and a resumed attempt starts after."""

    index: int
    first_frame: int
    n_frames: int
    n_frames_total: int  # of the whole video
    resume_from: str | None = None  # name of the segment before it, whose checkpoint the generator goes on from


CacheUse = Literal["hit", "miss", "off"]


@dataclass(frozen=True)
class Prepared:
    """What a preparing stage has to tell."""

    remarks: list[str] = field(default_factory=list)  # for the task's log
    warnings: list[str] = field(default_factory=list)  # for the same, of what may spoil the result
    n_frames: int = 0  # length of the video; only the speech knows it
    cache: CacheUse | None = None  # None where an earlier attempt had prepared it


class Stages(Protocol[SpeechRef, ClipRef]):
    """What the pipeline needs done; the task says with which files, parameters and fence."""

    async def prepare_portrait(self, task: Task) -> Prepared: ...
    async def prepare_speech(self, task: Task) -> Prepared: ...
    def embed_speech(self, task: Task, segment: Segment) -> SpeechRef: ...
    def generate(
        self, task: Task, segment: Segment, speech: SpeechRef
    ) -> AsyncGenerator[ClipRef | ClipProgress, None]: ...
    def upscale(
        self, task: Task, segment: Segment, clip: ClipRef, before: ClipRef | None, is_last: bool
    ) -> ClipRef: ...
    async def encode_sound(self, task: Task, n_frames: int) -> None: ...
    async def encode(self, task: Task, segment: Segment, clips: Sequence[ClipRef]) -> None: ...
    async def join(self, task: Task, segments: Sequence[str], n_frames: int) -> VideoInfo: ...


class Reporter(Protocol):
    """Where progress goes. Each call may raise `LeaseLost` or `TaskCancelled`, which ends the run."""

    async def log(self, level: str, message: str) -> None: ...
    async def progress(self, percent: int, message: str, frames_done: int, frames_total: int | None) -> None: ...
    async def segment_done(self, index: int, name: str, frames_done: int) -> None: ...
    async def segments_lost(self, n_kept: int) -> None: ...
    async def stage_took(self, stage: str, seconds: float) -> None: ...


async def run_task(
    task: Task,
    files: TaskFiles,
    stages: Stages[SpeechRef, ClipRef],
    report: Reporter,
    clips_per_segment: int,
) -> VideoInfo:
    """Make the video, going on after the task's last finished segment.

    While one segment is encoded the next one is generated: the frames of two segments are alive at most, however long
    the recording.
    """
    await report.progress(0, "Preprocessing image and audio...", 0, None)
    async with _task_group() as group:
        portrait = group.create_task(_timed(report, "preprocessing", stages.prepare_portrait(task)))
        speech = group.create_task(_timed(report, "speech", stages.prepare_speech(task)))
    for prepared in (portrait.result(), speech.result()):
        for level, lines in (("WARNING", prepared.warnings), ("INFO", prepared.remarks)):
            for line in lines:
                await report.log(level, line)

    if task.params.upscale > 1:
        await report.log("INFO", describe(task.params))

    n_frames = speech.result().n_frames
    names = await _finished_segments(task, files, report)
    async with _task_group() as group:
        sound = group.create_task(_timed(report, "sound", stages.encode_sound(task, n_frames)))
        encoding: asyncio.Task[None] | None = None
        clips: list[ClipRef] = []
        for segment in plan_segments(n_frames, clips_per_segment, task.fence, names):
            clips = await _generate(task, segment, n_frames, stages, report, before=clips[-1] if clips else None)
            if encoding is not None:
                await encoding
            encoding = group.create_task(_encode(task, segment, clips, sound, stages, report))
            names.append(segment_name(segment.index, task.fence))

    await report.progress(97, "Joining video and sound...", n_frames, n_frames)
    return await _timed(report, "joining", stages.join(task, names, n_frames))


def plan_segments(n_frames: int, clips_per_segment: int, fence: int, finished: Sequence[str] = ()) -> list[Segment]:
    """Cut a video into segments of whole clips; the last takes what is left. Finished ones are left out."""
    step = clips_per_segment * N_CLIP_FRAMES
    names = [*finished, *(segment_name(i, fence) for i in range(len(finished), -(-n_frames // step)))]
    return [
        Segment(i, i * step, min(step, n_frames - i * step), n_frames, names[i - 1] if i else None)
        for i in range(len(finished), len(names))
    ]


def segment_name(index: int, fence: int) -> str:
    """File name of a segment. It carries the attempt's fence: an attempt that lost its lease cannot overwrite it."""
    return f"{index:05d}-{fence}.mp4"


async def _generate(
    task: Task,
    segment: Segment,
    n_frames: int,
    stages: Stages[SpeechRef, ClipRef],
    report: Reporter,
    before: ClipRef | None,
) -> list[ClipRef]:
    """One segment's clips, each already on its way through super-resolution, which goes on from the one before."""
    started = time.monotonic()
    clips: list[ClipRef] = []
    done, told = segment.first_frame, started
    await report.progress(_percent(done, n_frames), GENERATING, done, n_frames)
    async with aclosing(stages.generate(task, segment, stages.embed_speech(task, segment))) as generated:
        async for made in generated:
            if isinstance(made, ClipProgress):
                if time.monotonic() - told >= REPORT_EVERY_S:
                    told = time.monotonic()
                    await _report_step(report, made, done, n_frames)
                continue
            done = min(done + N_CLIP_FRAMES, segment.first_frame + segment.n_frames)
            is_last = done == segment.first_frame + segment.n_frames
            before = stages.upscale(task, segment, made, before, is_last)
            clips.append(before)
            # clip by clip, because the time left is told from the frames and seconds so far
            started, seconds = time.monotonic(), time.monotonic() - started
            await report.stage_took("generation", seconds)
            await report.progress(_percent(done, n_frames), GENERATING, done, n_frames)
    return clips


async def _report_step(report: Reporter, step: ClipProgress, frames_done: int, n_frames: int) -> None:
    within = min(frames_done + N_CLIP_FRAMES * step.done // step.total, n_frames)
    clip, n_clips = frames_done // N_CLIP_FRAMES + 1, -(-n_frames // N_CLIP_FRAMES)
    message = f"{GENERATING} clip {clip} of {n_clips}, step {step.done} of {step.total}"
    await report.progress(_percent(within, n_frames), message, frames_done, n_frames)


async def _encode(
    task: Task,
    segment: Segment,
    clips: Sequence[ClipRef],
    sound: asyncio.Task[None],
    stages: Stages[SpeechRef, ClipRef],
    report: Reporter,
) -> None:
    await _timed(report, "encoding", stages.encode(task, segment, clips))
    await sound  # whoever hears of a segment may play it
    name = segment_name(segment.index, task.fence)
    await report.segment_done(segment.index, name, segment.first_frame + segment.n_frames)


async def _finished_segments(task: Task, files: TaskFiles, report: Reporter) -> list[str]:
    """Segments of earlier attempts that can be gone on from: all there, and the last one with its checkpoint."""
    if not task.segments:
        return []
    segments = await asyncio.to_thread(files.names, "segments")
    checkpoints = await asyncio.to_thread(files.names, "checkpoints")
    names = [*takewhile(lambda name: name in segments, task.segments)]
    while names and not _can_go_on_after(names[-1], task, files, checkpoints):
        names.pop()
    if len(names) < len(task.segments):
        lost = task.segments[len(names)]
        await report.log("WARNING", f"segment {lost} is gone from storage; generating again from there")
        await report.segments_lost(len(names))
    if names:
        await report.log("INFO", f"resuming after segment {len(names)}")
    return names


def _can_go_on_after(name: str, task: Task, files: TaskFiles, checkpoints: set[str]) -> bool:
    needed = {files.checkpoint(name).name} | ({files.enlarging(name).name} if task.params.upscale > 1 else set())
    return needed <= checkpoints


def _percent(done: int, total: int) -> int:
    """Preparation takes the bar to 5, generation to 95."""
    return 5 + 90 * done // total


async def _timed(report: Reporter, stage: str, work: Awaitable[T]) -> T:
    started = time.monotonic()
    result = await work
    await report.stage_took(stage, time.monotonic() - started)
    return result


@asynccontextmanager
async def _task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that raises its first error itself: callers tell errors apart by class."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
