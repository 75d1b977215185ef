"""Claims tasks, runs the pipeline on them and reports; one per ingress replica, all sharing the queue by leases."""

import asyncio
import contextlib
from collections.abc import Callable

from deployments.logs import logger, note_task
from deployments.serve_stages import ServeStages
from deployments.task_registry import Registry, TaskRegistry
from emo_hallo_ray.errors import (
    EmoHalloError,
    InputError,
    LeaseLost,
    ServiceUnavailable,
    StorageUnavailable,
    TaskCancelled,
    TaskNotFound,
)
from emo_hallo_ray.media.video import VideoInfo
from emo_hallo_ray.pipeline import run_task
from emo_hallo_ray.settings import Settings
from emo_hallo_ray.storage import Storage
from emo_hallo_ray.super_resolution.methods import method_of
from emo_hallo_ray.tasks.model import Task
from emo_hallo_ray.tracing import Tracer

IDLE_S = 1.0  # between looks at an empty queue; a task created here is seen at once
STORAGE_RETRY_S = 5.0  # between looks at a storage that was full or read-only
WRITE_RETRY_S = (0.5, 10.0)  # between tries to reach the registry: the first wait and the longest


class LeaseReporter:
    """`pipeline.Reporter` over the registry; every write carries the attempt's fence.

    While the registry is away or its disk is full a call waits, and the pipeline with it: nothing that was computed is
    given up, and leases are renewed when the registry is back.
    """

    def __init__(self, registry: Registry, task: Task) -> None:
        self._registry = registry
        self._id, self._fence = task.task_id, task.fence

    async def log(self, level: str, message: str) -> None:
        await self._persistently(TaskRegistry.log, level, message)

    async def progress(self, percent: int, message: str, frames_done: int, frames_total: int | None) -> None:
        await self._persistently(TaskRegistry.report, self._fence, percent, message, frames_done, frames_total)

    async def segment_done(self, index: int, name: str, frames_done: int) -> None:
        await self._persistently(TaskRegistry.commit_segment, self._fence, index, name, frames_done)

    async def segments_lost(self, n_kept: int) -> None:
        await self._persistently(TaskRegistry.restart_segments, self._fence, n_kept)

    async def stage_took(self, stage: str, seconds: float) -> None:
        await self._persistently(TaskRegistry.add_stage_seconds, self._fence, stage, seconds)

    async def completed(self, result: dict[str, object]) -> None:
        await self._persistently(TaskRegistry.complete, self._fence, result)

    async def failed(self, error_code: str, sentence: str, retryable: bool) -> None:
        await self._persistently(TaskRegistry.fail, self._fence, error_code, sentence, retryable)

    async def given_back(self, reason: str) -> None:
        await self._persistently(TaskRegistry.release, self._fence, reason)

    async def _persistently(self, method: Callable[..., None], *args: object) -> None:
        wait_s, longest_s = WRITE_RETRY_S
        while True:
            try:
                return await self._registry.call(method, self._id, *args)
            except ServiceUnavailable as error:
                logger.error("task %s waits for the registry: %s", self._id, error)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, longest_s)


class TaskRunner:
    """The loop. `start` and `stop` bracket its life; `stop` gives running tasks back to the queue.

    Attributes:
        trouble: why no task can be claimed just now; None while all is well.
    """

    def __init__(self, registry: Registry, storage: Storage, stages: ServeStages, settings: Settings) -> None:
        self._registry = registry
        self._storage = storage
        self._stages = stages
        self._settings = settings
        self._tracer = Tracer(settings.tracing)
        self._attempts: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._storage_fails = False
        self.trouble: ServiceUnavailable | None = None
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to claim tasks."""
        self._loop = asyncio.create_task(self._claim_forever())

    async def stop(self) -> None:
        """Claim no more, and give back what is running; it resumes after its last finished segment."""
        work = [*self._attempts.values(), *([self._loop] if self._loop else [])]
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await asyncio.to_thread(self._tracer.close)

    def notice_new_task(self) -> None:
        """Look at the queue now instead of at the next tick."""
        self._wake.set()

    def cancel(self, task_id: str) -> None:
        """Stop an attempt that runs here; one that runs elsewhere learns of it at its next heartbeat."""
        if attempt := self._attempts.get(task_id):
            attempt.cancel()

    async def _claim_forever(self) -> None:
        while True:
            try:
                if self._storage_fails:
                    await self._wait_for_storage()
                while not self._storage_fails and (task := await self._registry.call(TaskRegistry.claim_next)):
                    self._begin(task)
                self.trouble = None
            except ServiceUnavailable as error:
                if self.trouble is None or str(error) != str(self.trouble):  # once, not every second
                    logger.error("cannot claim tasks: %s", error)
                self.trouble = error
            except Exception:  # whatever it is, a loop that ended would leave every accepted task waiting for ever
                logger.exception("cannot claim tasks")
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                # not `wait_for`: it swallows a cancellation that comes together with the event
                async with asyncio.timeout(IDLE_S):
                    await self._wake.wait()

    async def _wait_for_storage(self) -> None:
        """Claim nothing while an attempt could not write its files."""
        while True:
            try:
                await asyncio.to_thread(self._storage.check_writable)
            except (ServiceUnavailable, OSError):
                await asyncio.sleep(STORAGE_RETRY_S)
            else:
                logger.info("the storage can be written again")
                self._storage_fails = False
                return

    def _begin(self, task: Task) -> None:
        attempt = asyncio.create_task(self._attempt(task))
        self._attempts[task.task_id] = attempt
        attempt.add_done_callback(lambda _: self._end(task.task_id, attempt))

    def _end(self, task_id: str, attempt: asyncio.Task[None]) -> None:
        if self._attempts.get(task_id) is attempt:
            del self._attempts[task_id]
        self.notice_new_task()

    async def _attempt(self, task: Task) -> None:
        """One run of a task, from claim to outcome; never raises except when this replica stops."""
        note_task(task)
        logger.info("task %s: attempt %s started with engine %s", task.task_id, task.attempts, task.params.engine)
        report = LeaseReporter(self._registry, task)
        run = asyncio.create_task(self._run(task, report))
        heartbeat = asyncio.create_task(self._keep_lease(task))
        try:
            await asyncio.wait({run, heartbeat}, return_when=asyncio.FIRST_COMPLETED)
            # the heartbeat only ends when the lease is gone: its error is then the reason
            await self._settle(task, report, run if run.done() else heartbeat)
        except asyncio.CancelledError:
            await _stop(run, heartbeat)  # first: nobody else should start while this attempt still works
            await self._give_back(task)
            raise
        finally:
            await _stop(run, heartbeat)

    async def _run(self, task: Task, report: LeaseReporter) -> VideoInfo:
        files = self._storage.task(task.task_id)
        clips_per_segment = task.clips_per_segment or self._settings.video.clips_per_segment
        with self._tracer.attempt(task, report) as traced:
            return await run_task(task, files, self._stages, traced, clips_per_segment)

    async def _keep_lease(self, task: Task) -> VideoInfo:
        while True:
            await asyncio.sleep(self._settings.tasks.heartbeat_s)
            try:
                await self._registry.call(TaskRegistry.heartbeat, task.task_id, task.fence)
            except ServiceUnavailable as error:  # if the lease is lost meanwhile, the next heartbeat will say so
                logger.warning("task %s: no heartbeat: %s", task.task_id, error)

    async def _settle(self, task: Task, report: LeaseReporter, outcome: asyncio.Task[VideoInfo]) -> None:
        """Write the outcome; the registry refuses it if the task is no longer this attempt's."""
        try:
            try:
                info = outcome.result()
            except (LeaseLost, TaskCancelled, TaskNotFound):
                raise
            except StorageUnavailable as error:  # no fault of the task's
                self._storage_fails = True
                logger.error("task %s waits, and no other is claimed here: %s", task.task_id, error)
                await report.given_back(error.detail)
            except Exception as error:
                await self._fail(task, report, error)
            else:
                await report.completed(_result(task, info))
                logger.info(
                    "task %s completed: %s frames, %s bytes, attempt %s",
                    *(task.task_id, info.n_frames, info.size_bytes, task.attempts),
                )
        except TaskCancelled:
            logger.info("task %s was cancelled; its attempt stopped", task.task_id)
        except LeaseLost:
            logger.warning("task %s: attempt %s lost its lease and stopped", task.task_id, task.fence)
        except TaskNotFound:
            logger.warning("task %s is gone; its attempt stopped", task.task_id)

    async def _fail(self, task: Task, report: LeaseReporter, error: Exception) -> None:
        known = isinstance(error, EmoHalloError)
        code = error.code if isinstance(error, EmoHalloError) else EmoHalloError.code
        # a stranger's message may hold paths or host names: people get a sentence, the log gets the rest
        sentence = str(error) if known else "a stage of the service failed unexpectedly"
        logger.error("task %s, attempt %s failed", task.task_id, task.attempts, exc_info=error)
        await report.failed(code, sentence, retryable=not isinstance(error, InputError))

    async def _give_back(self, task: Task) -> None:
        logger.info("task %s: attempt %s stops", task.task_id, task.attempts)
        with contextlib.suppress(LeaseLost, TaskCancelled, TaskNotFound, ServiceUnavailable):
            await asyncio.shield(self._registry.call(TaskRegistry.release, task.task_id, task.fence))


async def _stop(*children: asyncio.Task[VideoInfo]) -> None:
    for child in children:
        child.cancel()
    await asyncio.gather(*children, return_exceptions=True)


def _result(task: Task, info: VideoInfo) -> dict[str, object]:
    """What the API shows as `result`, and which file holds the video."""
    return {
        "video_url": f"/api/v1/tasks/{task.task_id}/video",
        "duration": info.duration_s,
        "frames": info.n_frames,
        "fps": info.fps,
        "width": info.width_px,
        "height": info.height_px,
        "size_bytes": info.size_bytes,
        "engine": task.params.engine,
        "seed": task.params.seed,
        "upscaling": method_of(task.params),
        "fence": task.fence,
    }
