"""Real databases with real damage: no accepted task is lost."""

import random
import sqlite3
import uuid
from pathlib import Path

import pytest

from emo_hallo_ray.errors import DatabaseDamaged
from emo_hallo_ray.storage import Storage
from emo_hallo_ray.tasks.lock import StoreInUse, exclusive
from emo_hallo_ray.tasks.manifest import save_manifest
from emo_hallo_ray.tasks.model import NewTask, TaskParams, TaskStatus
from emo_hallo_ray.tasks.repair import FENCE_AFTER_LOSS, is_sound, repair
from emo_hallo_ray.tasks.store import StoreLimits, TaskStore

PAGE_BYTES = 4096
N_TASKS = 60


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """Tasks of every status, with their folders, and a closed database of some dozen pages."""
    storage = Storage(tmp_path)
    store = TaskStore(storage.database, StoreLimits(max_queued=N_TASKS, max_concurrent=N_TASKS))
    store.set_defaults({"inference_steps": 25})
    for number in range(N_TASKS):
        new = NewTask(str(uuid.uuid4()), TaskParams(seed=number), "asked for", owner="me")
        storage.task(new.task_id).make_folders()
        save_manifest(storage.task(new.task_id).manifest, new)
        store.create(new)
        if number % 3 == 0 and (task := store.claim_next()):
            store.complete(task.task_id, task.fence, {"fence": task.fence})
    store.close()
    with sqlite3.connect(storage.database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return storage


def damage(path: Path, page: int, dice: random.Random) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE_BYTES)
        file.write(dice.randbytes(PAGE_BYTES))


@pytest.mark.parametrize("seed", range(12))
def test_no_accepted_task_is_lost_to_a_damaged_page(storage: Storage, seed: int) -> None:
    dice = random.Random(seed)
    n_pages = storage.database.stat().st_size // PAGE_BYTES
    damage(storage.database, dice.randrange(1, n_pages), dice)

    repaired = repair(storage)

    assert is_sound(storage.database)
    assert repaired.kept + len(repaired.restored) == N_TASKS
    store = TaskStore(storage.database, StoreLimits())
    tasks = store.list_tasks().tasks
    assert {task.task_id for task in tasks} == set(storage.task_ids())
    for task_id in repaired.restored:
        task = store.get(task_id)
        assert (task.status, task.owner, task.fence) == (TaskStatus.QUEUED, "me", FENCE_AFTER_LOSS)
        assert "runs anew" in store.logs(task_id)[-1].message
    store.close()


@pytest.mark.parametrize("content", [b"", b"no database at all " * 1000], ids=["empty", "nonsense"])
def test_without_a_readable_page_all_tasks_come_from_their_folders(storage: Storage, content: bytes) -> None:
    storage.database.write_bytes(content)

    repaired = repair(storage)

    assert (repaired.kept, len(repaired.restored)) == (0, N_TASKS)
    assert repaired.damaged.read_bytes() == content


def test_a_sound_database_keeps_everything(storage: Storage) -> None:
    before = TaskStore(storage.database, StoreLimits())
    tasks, defaults = before.list_tasks().tasks, before.defaults()
    logs = [before.logs(task.task_id) for task in tasks]
    before.close()

    assert repair(storage).restored == []

    after = TaskStore(storage.database, StoreLimits())
    assert (after.list_tasks().tasks, after.defaults()) == (tasks, defaults)
    assert [after.logs(task.task_id) for task in tasks] == logs
    after.close()


def test_damage_is_named_with_its_remedy_and_a_store_in_use_is_not_repaired(storage: Storage) -> None:
    store = TaskStore(storage.database, StoreLimits())
    with pytest.raises(StoreInUse), exclusive(storage.database):
        pass
    store.close()
    with exclusive(storage.database):
        pass
    for page in range(1, storage.database.stat().st_size // PAGE_BYTES):
        damage(storage.database, page, random.Random(page))
    damaged = TaskStore(storage.database, StoreLimits())

    with pytest.raises(DatabaseDamaged, match="emo-hallo repair"):
        damaged.list_tasks()

    damaged.close()
    assert not is_sound(storage.database)
