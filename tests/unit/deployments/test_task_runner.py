"""The runner over a real store and fake stages: whatever goes wrong, no task is left behind."""

import asyncio
import sqlite3
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from deployments.serve_stages import ServeStages
from deployments.task_registry import Registry
from deployments.task_runner import TaskRunner
from emo_hallo_ray.errors import NoFaceFound, OutOfMemory, ServiceUnavailable, StorageUnavailable
from emo_hallo_ray.media.video import VideoInfo
from emo_hallo_ray.pipeline import Prepared, Segment
from emo_hallo_ray.settings import Settings
from emo_hallo_ray.storage import Storage
from emo_hallo_ray.tasks.model import NewTask, Task, TaskParams, TaskStatus
from emo_hallo_ray.tasks.store import StoreLimits, TaskStore
from tests.unit.test_pipeline import FakeStages

INFO = VideoInfo(200, 25.0, 512, 512, 8.0, 8.0, "h264", "aac", {}, 1234)


class Stages(FakeStages):
    """Fake stages whose video is a real `VideoInfo`."""

    async def join(self, task: Task, segments: Any, n_frames: int) -> VideoInfo:
        return INFO


class NoFace(Stages):
    async def prepare_portrait(self, task: Task) -> Prepared:
        raise NoFaceFound


class TooLargeForTheGpu(Stages):
    async def generate(self, task: Task, segment: Segment, speech: str) -> AsyncGenerator[str, None]:
        yield "clip"
        raise OutOfMemory


class FallsOverOnce(Stages):
    has_fallen = False

    async def prepare_speech(self, task: Task) -> Prepared:
        if not self.has_fallen:
            self.has_fallen = True
            raise RuntimeError("/secret/path exploded")
        return await super().prepare_speech(task)


class NeverFinishes(Stages):
    stopped = False

    async def generate(self, task: Task, segment: Segment, speech: str) -> AsyncGenerator[str, None]:
        try:
            yield "clip"
            await asyncio.Event().wait()
        finally:
            self.stopped = True


class LocalRegistry:
    """The store in this process; `fail_next` makes one call of that name go wrong."""

    def __init__(self, store: TaskStore) -> None:
        self.store = store
        self.fail_next: dict[str, Exception] = {}

    async def call(self, method: Callable[..., Any], *args: Any) -> Any:
        await asyncio.sleep(0)
        if error := self.fail_next.pop(method.__name__, None):
            raise error
        return getattr(self.store, method.__name__)(*args)


class World:
    """A runner with everything around it."""

    def __init__(self, folder: Path, stages: FakeStages, clips_per_segment: int | None = None) -> None:
        self.store = TaskStore(folder / "db", StoreLimits(max_attempts=2))
        self.registry = LocalRegistry(self.store)
        settings = Settings.model_validate({"storage": {"root": folder}, "tasks": {"heartbeat_s": 0.01}})
        self.runner = TaskRunner(cast(Registry, self.registry), Storage(folder), cast(ServeStages, stages), settings)
        self.task_id = str(uuid.uuid4())
        self.store.create(NewTask(self.task_id, TaskParams(), "asked for", clips_per_segment=clips_per_segment))

    @property
    def task(self) -> Task:
        return self.store.get(self.task_id)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110  # what is waited for happens in the store
                await asyncio.sleep(0.005)


def run(
    folder: Path,
    stages: FakeStages,
    story: Callable[[World], Awaitable[None]],
    clips_per_segment: int | None = None,
) -> World:
    async def tell() -> World:
        world = World(folder, stages, clips_per_segment)
        world.runner.start()
        try:
            await story(world)
        finally:
            await world.runner.stop()
        return world

    return asyncio.run(tell())


async def until_over(world: World) -> None:
    await world.until(lambda: world.task.status.is_terminal)


def test_a_task_runs_to_its_end(tmp_path: Path) -> None:
    task = run(tmp_path, Stages(), until_over).task

    assert (task.status, task.attempts, len(task.segments)) == (TaskStatus.COMPLETED, 1, 3)
    assert task.result is not None
    assert task.result["frames"] == 200


def test_a_task_is_cut_as_it_was_when_it_was_accepted_whatever_the_setting_is_now(tmp_path: Path) -> None:
    task = run(tmp_path, Stages(), until_over, clips_per_segment=2).task

    assert (task.status, len(task.segments)) == (TaskStatus.COMPLETED, 7)  # 13 clips, two at a time


def test_an_input_that_cannot_be_used_fails_at_once_with_its_own_code(tmp_path: Path) -> None:
    task = run(tmp_path, NoFace(), until_over).task

    assert (task.status, task.error_code, task.attempts) == (TaskStatus.FAILED, "NO_FACE_FOUND", 1)


def test_memory_gets_another_attempt_before_its_lack_is_the_tasks_error(tmp_path: Path) -> None:
    task = run(tmp_path, TooLargeForTheGpu(), until_over).task

    assert (task.status, task.error_code, task.attempts) == (TaskStatus.FAILED, "OUT_OF_MEMORY", 2)


def test_a_stage_that_falls_over_gets_another_attempt_and_nobody_hears_its_paths(tmp_path: Path) -> None:
    world = run(tmp_path, FallsOverOnce(), until_over)

    assert (world.task.status, world.task.attempts) == (TaskStatus.COMPLETED, 2)
    assert "secret" not in str(world.store.logs(world.task_id))


def test_stopping_gives_the_task_back_and_costs_no_attempt(tmp_path: Path) -> None:
    stages = NeverFinishes()

    async def story(world: World) -> None:
        await world.until(lambda: world.task.frames_done > 0)

    task = run(tmp_path, stages, story).task

    assert (task.status, task.attempts) == (TaskStatus.QUEUED, 0)
    assert stages.stopped


@pytest.mark.parametrize("here", [True, False], ids=["cancelled here", "cancelled by another replica"])
def test_a_cancelled_task_stops_its_stages(tmp_path: Path, here: bool) -> None:
    stages = NeverFinishes()

    async def story(world: World) -> None:
        await world.until(lambda: world.task.frames_done > 0)
        world.store.cancel(world.task_id, force=True)
        if here:
            world.runner.cancel(world.task_id)
        await world.until(lambda: stages.stopped)

    assert run(tmp_path, stages, story).task.status is TaskStatus.CANCELLED


@pytest.mark.parametrize("error", [ServiceUnavailable("away"), sqlite3.IntegrityError("a bug")])
def test_the_claim_loop_outlives_any_error(tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.task_runner.IDLE_S", 0.01)
    world = World(tmp_path, Stages())
    world.registry.fail_next["claim_next"] = error

    async def tell() -> None:
        world.runner.start()
        await until_over(world)
        await world.runner.stop()

    asyncio.run(tell())

    assert world.task.status is TaskStatus.COMPLETED


def test_a_missed_heartbeat_does_not_end_the_attempt(tmp_path: Path) -> None:
    stages = NeverFinishes()

    async def story(world: World) -> None:
        await world.until(lambda: world.task.frames_done > 0)
        world.registry.fail_next["heartbeat"] = ServiceUnavailable("away")
        await world.until(lambda: "heartbeat" not in world.registry.fail_next)
        await asyncio.sleep(0.05)
        assert not stages.stopped

    run(tmp_path, stages, story)


class DiskFullOnce(Stages):
    was_full = False

    async def encode(self, task: Task, segment: Segment, clips: Any) -> None:
        if not self.was_full:
            self.was_full = True
            raise StorageUnavailable("The storage is full")
        await super().encode(task, segment, clips)


def test_a_task_that_meets_a_full_disk_waits_with_the_reason_and_costs_no_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.task_runner.STORAGE_RETRY_S", 0.01)
    monkeypatch.setattr("deployments.task_runner.IDLE_S", 0.01)

    world = run(tmp_path, DiskFullOnce(), until_over)

    assert (world.task.status, world.task.attempts, world.task.strikes) == (TaskStatus.COMPLETED, 1, 0)
    assert "given back to the queue: The storage is full" in [line.message for line in world.store.logs(world.task_id)]


def test_an_outcome_that_cannot_be_written_yet_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.task_runner.WRITE_RETRY_S", (0.01, 0.01))

    async def story(world: World) -> None:
        world.registry.fail_next |= {name: ServiceUnavailable("away") for name in ("complete", "commit_segment")}
        await until_over(world)

    task = run(tmp_path, Stages(), story).task

    assert (task.status, task.attempts) == (TaskStatus.COMPLETED, 1)
