"""Messages to webhooks in the task store."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from emo_hallo_ray.storage import Storage
from emo_hallo_ray.tasks.manifest import load_manifest, save_manifest
from emo_hallo_ray.tasks.model import Delivery, NewTask, TaskParams, Webhook
from emo_hallo_ray.tasks.repair import repair
from emo_hallo_ray.tasks.schema import MIGRATIONS
from emo_hallo_ray.tasks.store import StoreLimits, TaskStore

TASK_ID = "550e8400-e29b-41d4-a716-446655440000"
ENDS = Webhook("https://example.com/hook?token=x", ("completed", "failed", "cancelled"))


class World:
    """A store and its clock."""

    def __init__(self, path: Path) -> None:
        self.now = 1_000.0
        self.store = TaskStore(path, StoreLimits(max_concurrent=9), lambda: self.now, lambda: self.now)

    def create(self, webhook: Webhook | None = ENDS, task_id: str = TASK_ID) -> None:
        self.store.create(NewTask(task_id, TaskParams(), "asked for", webhook=webhook))

    def run(self) -> None:
        """The next task to its good end."""
        task = self.store.claim_next()
        assert task is not None
        self.store.complete(task.task_id, task.fence, {})

    def take(self) -> list[Delivery]:
        return self.store.take_deliveries(10)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "tasks.sqlite")
    yield made
    made.store.close()


def test_a_message_arises_with_the_event_it_tells(world: World) -> None:
    world.create()
    assert world.take() == []

    world.run()
    [delivery] = world.take()

    assert (delivery.event, delivery.attempts, delivery.task.task_id) == ("completed", 1, TASK_ID)
    assert delivery.task.webhook == ENDS
    assert delivery.task.progress == 100


def test_only_events_that_were_asked_for_are_told(world: World) -> None:
    world.create(Webhook("https://example.com", ("processing", "failed")))
    world.run()

    assert [delivery.event for delivery in world.take()] == ["processing"]


def test_a_task_without_a_webhook_tells_nobody(world: World) -> None:
    world.create(None)
    world.run()

    assert world.take() == []


def test_a_cancelled_task_tells_of_it(world: World) -> None:
    world.create()
    world.store.cancel(TASK_ID)

    assert [delivery.event for delivery in world.take()] == ["cancelled"]


def test_what_somebody_has_taken_nobody_else_gets_until_a_minute_is_over(world: World) -> None:
    world.create()
    world.run()
    [first] = world.take()
    assert world.take() == []

    world.now += 61
    [second] = world.take()

    assert (second.delivery_id, second.attempts) == (first.delivery_id, 2)


def test_a_delivered_message_is_gone_and_the_log_tells_of_it(world: World) -> None:
    world.create()
    world.run()
    [delivery] = world.take()

    for _ in range(2):  # the answer to the first call may have been lost
        world.store.settle_delivery(delivery.delivery_id, "webhook delivered", True, None)
    world.now += 1_000

    assert world.take() == []
    lines = [(record.level, record.message) for record in world.store.logs(TASK_ID)]
    assert lines.count(("INFO", "webhook delivered")) == 1


def test_a_failed_message_comes_again_when_it_is_due(world: World) -> None:
    world.create()
    world.run()
    [delivery] = world.take()
    world.store.settle_delivery(delivery.delivery_id, "webhook failed", False, 300.0)

    world.now += 299
    assert world.take() == []
    world.now += 2

    assert [again.attempts for again in world.take()] == [2]
    assert world.store.logs(TASK_ID)[-1].level == "WARNING"


def test_messages_survive_the_process(world: World, tmp_path: Path) -> None:
    world.create()
    world.run()
    world.store.close()

    reopened = World(tmp_path / "tasks.sqlite")

    assert [delivery.event for delivery in reopened.take()] == ["completed"]
    reopened.store.close()


def test_a_clock_that_was_set_back_keeps_no_message_waiting(world: World) -> None:
    world.now = 10_000_000.0
    world.create()
    world.run()
    world.now = 5_000.0

    assert len(world.take()) == 1


def test_with_a_tasks_data_go_its_messages_and_its_address(world: World) -> None:
    world.create()
    world.run()
    world.store.delete_data(TASK_ID)

    assert world.take() == []
    assert world.store.get(TASK_ID).webhook is None


def test_a_lost_row_is_made_again_with_its_webhook(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    files = storage.task(TASK_ID)
    files.make_folders()
    save_manifest(files.manifest, NewTask(TASK_ID, TaskParams(), "asked for", webhook=ENDS))
    sqlite3.connect(storage.database).close()

    assert load_manifest(files.manifest).webhook == ENDS
    assert repair(storage).restored == [TASK_ID]
    store = TaskStore(storage.database, StoreLimits())
    assert store.get(TASK_ID).webhook == ENDS
    store.close()


def test_messages_outlive_a_repair(world: World, tmp_path: Path) -> None:
    world.create()
    world.run()
    world.store.close()
    (tmp_path / "tasks.sqlite").rename(Storage(tmp_path).database)

    repair(Storage(tmp_path))

    repaired = World(Storage(tmp_path).database)
    assert len(repaired.take()) == 1
    repaired.store.close()


def test_a_database_of_the_version_before_has_no_webhooks_and_can_get_some(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    connection = sqlite3.connect(path)
    for statement in (statement for step in MIGRATIONS[:3] for statement in step):
        connection.execute(statement)
    connection.execute("PRAGMA user_version = 3")
    connection.execute(
        "INSERT INTO tasks (task_id, status, status_message, params, engine_reason, created_at, updated_at)"
        " VALUES (?, 'queued', '', '{}', '', 1, 1)",
        (TASK_ID,),
    )
    connection.commit()
    connection.close()

    world = World(path)
    assert world.store.get(TASK_ID).webhook is None
    world.run()
    world.create(ENDS, "650e8400-e29b-41d4-a716-446655440000")
    world.run()

    assert len(world.take()) == 1
    world.store.close()
