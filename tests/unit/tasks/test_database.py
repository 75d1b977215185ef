"""The database file: what it is opened from, and what happens when the disk does not play along."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from emo_hallo_ray.errors import DatabaseDamaged, ServiceUnavailable
from emo_hallo_ray.tasks.database import Database
from emo_hallo_ray.tasks.model import Task
from emo_hallo_ray.tasks.schema import MIGRATIONS, VERSION
from emo_hallo_ray.tasks.store import TaskStore
from tests.unit.tasks.conftest import LIMITS, new_task

INSERT = "INSERT INTO defaults VALUES (?, ?)"
COUNT = "SELECT count(*) FROM defaults"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "db")
    yield database
    database.close()


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    Database(tmp_path / "db").close()
    connection = sqlite3.connect(tmp_path / "db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(ServiceUnavailable, match=f"version 99, this program knows up to {VERSION}"):
        Database(tmp_path / "db")


def test_a_database_of_the_first_version_is_brought_up_to_date_with_its_tasks(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "db")
    for statement in MIGRATIONS[0]:
        connection.execute(statement)
    connection.execute("PRAGMA user_version = 1")
    connection.execute(
        "INSERT INTO tasks (task_id, status, status_message, params, engine_reason, created_at, updated_at)"
        " VALUES ('old', 'queued', 'Waiting in the queue', '{}', 'asked for', 1.0, 1.0)"
    )
    connection.commit()
    connection.close()

    store = TaskStore(tmp_path / "db", LIMITS)

    assert store.get("old").queue_position == 1
    store.close()
    reopened = sqlite3.connect(tmp_path / "db")
    assert reopened.execute("PRAGMA user_version").fetchone()[0] == VERSION
    reopened.close()


def test_a_task_from_before_there_were_presets_goes_on_at_full_quality(store: TaskStore, tmp_path: Path) -> None:
    store.create(new_task(1))
    connection = sqlite3.connect(tmp_path / "tasks.sqlite")
    connection.execute("UPDATE tasks SET params = json_remove(params, '$.preset')")
    connection.commit()
    [(params,)] = connection.execute("SELECT params FROM tasks").fetchall()
    connection.close()
    assert "seed" in params
    assert "preset" not in params

    task = store.claim_next()

    assert task is not None
    assert (task.params.preset, task.params.seed, task.params.inference_steps) == ("quality", 1, 40)


def test_a_file_that_is_no_database_is_named_as_the_trouble(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"something else entirely " * 100)

    with pytest.raises(DatabaseDamaged, match="emo-hallo repair"):
        Database(tmp_path / "db")


def test_a_transaction_that_is_interrupted_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(KeyboardInterrupt), database.transaction():
        database.write(INSERT, ("a", "1"))
        raise KeyboardInterrupt

    assert database.value(COUNT) == 0


def test_of_two_programs_only_one_at_a_time_decides(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emo_hallo_ray.tasks.database.BUSY_TIMEOUT_S", 0)
    other = Database(tmp_path / "db")

    with database.transaction():
        with pytest.raises(ServiceUnavailable, match="locked"), other.transaction():
            pytest.fail("a second program came in before the first had written")
        assert other.value(COUNT) == 0

    with other.transaction():
        other.write(INSERT, ("a", "1"))
    assert database.value(COUNT) == 1
    other.close()


def test_a_full_disk_is_told_and_does_no_harm(database: Database) -> None:
    n_pages = database.value("PRAGMA page_count")
    database.write(f"PRAGMA max_page_count = {n_pages}")
    with pytest.raises(ServiceUnavailable, match="full"), database.transaction():
        database.write(INSERT, ("a", "1"))
        database.write(INSERT, ("b", "x" * 100_000))
    assert database.value(COUNT) == 0

    database.write(f"PRAGMA max_page_count = {n_pages + 100}")
    with database.transaction():
        database.write(INSERT, ("b", "x" * 100_000))

    assert database.value(COUNT) == 1


def test_only_durable_transactions_wait_for_the_disk(database: Database) -> None:
    waits = []
    for durable in (True, False, True):
        with database.transaction(durable=durable):
            waits.append(database.value("PRAGMA synchronous"))

    assert waits == [2, 1, 2]  # FULL, NORMAL, FULL


def test_transactions_that_travel_together_fail_one_by_one(database: Database) -> None:
    told: list[str] = []
    with database.together():
        for name, fails in (("a", False), ("b", True), ("c", False)):
            with contextlib.suppress(KeyError), database.transaction():
                database.write(INSERT, (name, "1"))
                database.after_commit(lambda name=name: told.append(name))
                if fails:
                    raise KeyError(name)
        assert told == []

    assert told == ["a", "c"]
    assert [name for (name,) in database.rows("SELECT name FROM defaults")] == ["a", "c"]


def test_transactions_that_travel_together_wait_for_the_disk_once(database: Database, tmp_path: Path) -> None:
    with database.together():
        for name in "abc":
            with database.transaction():
                database.write(INSERT, (name, "1"))
        other = sqlite3.connect(tmp_path / "db")
        assert other.execute(COUNT).fetchone() == (0,)
        assert database.value("PRAGMA synchronous") == 2  # FULL

    assert other.execute(COUNT).fetchone() == (3,)
    other.close()


def test_when_the_disk_fills_up_none_of_those_that_travel_together_is_written(database: Database) -> None:
    database.write(f"PRAGMA max_page_count = {database.value('PRAGMA page_count')}")
    with pytest.raises(ServiceUnavailable), database.together():
        with database.transaction():
            database.write(INSERT, ("a", "1"))
        with contextlib.suppress(ServiceUnavailable), database.transaction():
            database.write(INSERT, ("b", "x" * 100_000))
        with database.transaction():
            database.write(INSERT, ("c", "1"))

    assert database.value(COUNT) == 0


Write = Callable[[TaskStore, Task], object]


@pytest.mark.parametrize(
    ("write", "must_wait"),
    [
        pytest.param(lambda store, _: store.create(new_task(9)), True, id="create"),
        pytest.param(lambda store, _: store.claim_next(), True, id="claim"),
        pytest.param(lambda store, task: store.commit_segment(task.task_id, 1, 0, "a", 80), True, id="segment"),
        pytest.param(lambda store, task: store.complete(task.task_id, 1, {}), True, id="complete"),
        pytest.param(lambda store, task: store.fail(task.task_id, 1, "X", "broken", False), True, id="fail"),
        pytest.param(lambda store, task: store.cancel(task.task_id, force=True), True, id="cancel"),
        pytest.param(lambda store, _: store.set_defaults({"enable_cache": False}), True, id="defaults"),
        pytest.param(lambda store, task: store.heartbeat(task.task_id, 1), False, id="heartbeat"),
        pytest.param(lambda store, task: store.report(task.task_id, 1, 5, "working", 1, 2), False, id="report"),
        pytest.param(lambda store, task: store.log(task.task_id, "INFO", "hello"), False, id="log"),
    ],
)
def test_all_that_a_power_cut_must_not_take_back_waits_for_the_disk(
    store: TaskStore, claimed: Callable[[], Task], monkeypatch: pytest.MonkeyPatch, write: Write, must_wait: bool
) -> None:
    task = claimed()
    store.create(new_task(5))
    asked: list[bool] = []
    transaction = Database.transaction

    def noting(self: Database, durable: bool = True) -> AbstractContextManager[None]:
        asked.append(durable)
        return transaction(self, durable)

    monkeypatch.setattr(Database, "transaction", noting)

    write(store, task)

    assert asked == [must_wait]


def test_a_lazy_database_opens_as_soon_as_it_can_be(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"something else entirely " * 100)
    database = Database(tmp_path / "db", lazily=True)
    for _ in range(2):
        with pytest.raises(DatabaseDamaged):
            database.rows("SELECT * FROM tasks")

    (tmp_path / "db").unlink()

    assert database.rows("SELECT * FROM tasks") == []
    database.close()
