"""What goes when, over a real store and real files."""

import asyncio
import os
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from emo_hallo_ray.retention import Sweeper, Swept
from emo_hallo_ray.settings import RetentionSettings
from emo_hallo_ray.storage import Storage, TaskFiles
from emo_hallo_ray.tasks.model import NewTask, Task, TaskParams
from emo_hallo_ray.tasks.store import StoreLimits, TaskStore

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


class LocalRecords:
    """The store, answering as the registry does."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            return getattr(self._store, name)(*args, **kwargs)

        return call


class World:
    """A storage with a store whose tasks ended some time ago."""

    def __init__(self, folder: Path) -> None:
        self.storage = Storage(folder)
        self.age_s = 0.0
        limits = StoreLimits(max_queued=100, max_concurrent=100)
        self.store = TaskStore(self.storage.database, limits, lambda: time.time() - self.age_s)

    def sweep(self, **policy: float) -> Swept:
        defaults = {"age_s": 0, "max_bytes": 0, "scratch_s": 10 * DAY_S, "orphan_s": DAY_S, "record_age_s": 0}
        settings = RetentionSettings.model_validate(defaults | policy)
        return asyncio.run(Sweeper(self.storage, LocalRecords(self.store), settings).sweep())

    def running(self) -> Task:
        task_id = str(uuid.uuid4())
        files = self.storage.task(task_id)
        files.make_folders()
        for path in (files.image, files.portrait, files.segment("00000-1.mp4"), files.checkpoint("00000-1.mp4")):
            path.write_bytes(bytes(100_000))
        self.store.create(NewTask(task_id, TaskParams(), "asked for"))
        task = self.store.claim_next()
        assert task is not None
        return task

    def completed(self, age_s: float = 0.0) -> TaskFiles:
        self.age_s = age_s
        task = self.running()
        files = self.storage.task(task.task_id)
        files.result(task.fence).write_bytes(bytes(100_000))
        files.result(99).write_bytes(bytes(100_000))  # of an attempt that lost
        self.store.complete(task.task_id, task.fence, {"fence": task.fence})
        self.age_s = 0.0
        return files


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_data_go_by_age_and_the_record_stays(world: World) -> None:
    old, new = world.completed(age_s=2 * DAY_S), world.completed(age_s=HOUR_S)

    swept = world.sweep(age_s=DAY_S)

    assert swept.by_age == [old.folder.name]
    assert (old.folder.exists(), new.folder.exists()) == (False, True)
    assert world.store.get(old.folder.name).data_deleted_at is not None
    assert world.sweep(age_s=DAY_S).by_age == []


def test_data_go_by_size_the_oldest_first_until_the_rest_fits(world: World) -> None:
    oldest, middle, newest = (world.completed(age_s=age) for age in (3 * HOUR_S, 2 * HOUR_S, HOUR_S))
    limit = middle.size_bytes() + newest.size_bytes()

    assert world.sweep(max_bytes=limit).by_size == [oldest.folder.name]
    assert middle.folder.exists()
    assert newest.folder.exists()


def test_what_only_a_running_task_needs_goes_soon_after_its_end(world: World) -> None:
    files = world.completed(age_s=2 * HOUR_S)
    (files.folder / ".result-1.0123.mp4").write_bytes(b"half")

    assert world.sweep(scratch_s=HOUR_S).scratch == 1

    left = sorted(str(path.relative_to(files.folder)) for path in files.folder.rglob("*") if path.is_file())
    assert left == ["inputs/image", "result-1.mp4"]
    assert world.sweep(scratch_s=HOUR_S).scratch == 0


def test_no_file_of_a_running_task_is_touched_however_old_and_large(world: World) -> None:
    task = world.running()
    files = world.storage.task(task.task_id)
    _make_old(files.folder, 400 * DAY_S)
    before = sorted(files.folder.rglob("*"))

    world.sweep(age_s=1, max_bytes=1, scratch_s=0, orphan_s=1, record_age_s=1)

    assert sorted(files.folder.rglob("*")) == before
    assert world.store.get(task.task_id) == task


def test_what_nobody_owns_goes_after_a_while(world: World) -> None:
    uploading, broken_off = (world.storage.task(str(uuid.uuid4())) for _ in range(2))
    for files in (uploading, broken_off):
        files.make_folders()
    _make_old(broken_off.folder, 2 * DAY_S)
    world.storage.cache.mkdir()
    (world.storage.cache / ".entry.0123.npz").write_bytes(b"half")
    _make_old(world.storage.cache, 2 * DAY_S)
    stranger = world.storage.root / "tasks" / "not-ours"
    stranger.mkdir()
    _make_old(stranger, 2 * DAY_S)

    assert world.sweep(orphan_s=DAY_S).orphans == 2

    assert uploading.folder.exists()
    assert not broken_off.folder.exists()
    assert list(world.storage.cache.iterdir()) == []
    assert stranger.exists()


def test_what_a_late_writer_leaves_of_deleted_data_goes_too(world: World) -> None:
    files = world.completed(age_s=2 * DAY_S)
    world.sweep(age_s=DAY_S)
    files.make_folders()
    _make_old(files.folder, 2 * DAY_S)

    world.sweep(age_s=DAY_S)

    assert not files.folder.exists()


def test_the_record_goes_in_the_end(world: World) -> None:
    files = world.completed(age_s=3 * DAY_S)

    assert world.sweep(record_age_s=2 * DAY_S).records == 1

    assert world.store.counts()["completed"] == 0  # type: ignore[index]
    assert not files.folder.exists()


def _make_old(folder: Path, age_s: float) -> None:
    then = time.time() - age_s
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (then, then))
