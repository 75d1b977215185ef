"""The store's rules, one by one."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emo_hallo_ray.errors import (
    IdempotencyConflict,
    InvalidParameter,
    LeaseLost,
    QueueFull,
    SubmissionFailed,
    TaskCancelled,
    TaskNotCancellable,
    TaskNotEnded,
    TaskNotFound,
)
from emo_hallo_ray.tasks.model import EngineDefaults, Task, TaskStatus
from emo_hallo_ray.tasks.store import StoreLimits, TaskStore
from tests.unit.tasks.conftest import LIMITS, Clock, new_task

Claimed = Callable[[], Task]


def test_a_new_task_waits_with_everything_that_was_asked_for(store: TaskStore, clock: Clock) -> None:
    task = store.create(new_task(1))

    assert (task.status, task.progress, task.queue_position) == (TaskStatus.QUEUED, 0, 1)
    assert (task.params.seed, task.created_at) == (1, clock.now)
    assert store.get("task-1") == task


def test_tasks_start_in_the_order_of_their_acceptance_up_to_the_limit(store: TaskStore) -> None:
    for number in range(3):
        store.create(new_task(number))

    started = [store.claim_next() for _ in range(3)]

    assert [task and task.task_id for task in started] == ["task-0", "task-1", None]
    assert store.get("task-2").queue_position == 1


def test_a_full_queue_takes_no_more_until_one_leaves(store: TaskStore) -> None:
    for number in range(LIMITS.max_queued):
        store.create(new_task(number))
    with pytest.raises(QueueFull) as refusal:
        store.create(new_task(99))
    assert refusal.value.retry_after_s > 0

    store.claim_next()

    assert store.create(new_task(99)).queue_position == LIMITS.max_queued


def test_a_repeated_request_gives_the_first_task_even_when_the_queue_is_full(store: TaskStore) -> None:
    first = store.create(new_task(0, idempotency_key="k", request_digest="d"))
    for number in range(1, LIMITS.max_queued):
        store.create(new_task(number))

    again = store.create(new_task(50, idempotency_key="k", request_digest="d"))

    assert again.task_id == first.task_id
    with pytest.raises(TaskNotFound):
        store.get("task-50")


def test_an_idempotency_key_belongs_to_one_request_of_one_owner(store: TaskStore) -> None:
    store.create(new_task(0, idempotency_key="k", request_digest="d", owner="a"))

    with pytest.raises(IdempotencyConflict):
        store.create(new_task(1, idempotency_key="k", request_digest="other", owner="a"))
    assert store.create(new_task(2, idempotency_key="k", request_digest="other", owner="b")).task_id == "task-2"


def test_creating_is_safe_to_repeat_when_the_answer_was_lost(store: TaskStore) -> None:
    assert store.create(new_task(1)) == store.create(new_task(1))
    assert store.counts()[TaskStatus.QUEUED] == 1


def test_progress_never_goes_down_and_only_changes_make_events(store: TaskStore, claimed: Claimed) -> None:
    task = claimed()
    before = len(store.events_since(task.task_id, 0))

    for progress in (10, 5, 10, 100):
        store.report(task.task_id, task.fence, progress, "working", 1, 2)

    assert [event.progress for event in store.events_since(task.task_id, 0)[before:]] == [10, 99]
    assert store.get(task.task_id).progress == 99  # 100 means completed


def test_a_silent_runner_loses_the_task_and_its_late_writes_are_refused(
    store: TaskStore, clock: Clock, claimed: Claimed
) -> None:
    first = claimed()
    store.commit_segment(first.task_id, first.fence, 0, "00000-1.mp4", 80)
    clock.now += LIMITS.lease_s + 1

    second = store.claim_next()

    assert second is not None
    assert (second.task_id, second.attempts, second.segments) == (first.task_id, 2, ("00000-1.mp4",))
    assert second.fence > first.fence
    late = [
        lambda: store.heartbeat(first.task_id, first.fence),
        lambda: store.report(first.task_id, first.fence, 50, "late", 1, 2),
        lambda: store.commit_segment(first.task_id, first.fence, 1, "00001-1.mp4", 160),
        lambda: store.complete(first.task_id, first.fence, {}),
        lambda: store.fail(first.task_id, first.fence, "X", "late", False),
        lambda: store.release(first.task_id, first.fence),
        lambda: store.add_stage_seconds(first.task_id, first.fence, "x", 1.0),
        lambda: store.restart_segments(first.task_id, first.fence, 0),
    ]
    for write in late:
        with pytest.raises(LeaseLost):
            write()
    assert store.get(first.task_id).segments == ("00000-1.mp4",)


def test_a_lease_that_ran_out_is_revived_as_long_as_nobody_took_the_task(
    store: TaskStore, clock: Clock, claimed: Claimed
) -> None:
    task = claimed()
    clock.now += LIMITS.lease_s + 1

    store.heartbeat(task.task_id, task.fence)

    assert store.expire_leases() == []
    assert store.get(task.task_id).attempts == 1


def test_a_heartbeat_keeps_the_task(store: TaskStore, clock: Clock, claimed: Claimed) -> None:
    task = claimed()

    for _ in range(5):
        clock.now += LIMITS.lease_s - 1
        store.heartbeat(task.task_id, task.fence)

    assert store.expire_leases() == []


def test_a_task_that_ends_its_runners_fails_with_a_plain_reason(
    store: TaskStore, clock: Clock, claimed: Claimed
) -> None:
    task = claimed()
    for _ in range(LIMITS.max_attempts):
        clock.now += LIMITS.lease_s + 1
        store.claim_next()

    ended = store.get(task.task_id)
    assert (ended.status, ended.error_code) == (TaskStatus.FAILED, "ATTEMPTS_EXHAUSTED")
    assert ended.error == "given up after attempt 2, whose runner fell silent without a result"
    assert ended.finished_at == clock.now


def test_attempts_count_only_while_a_task_gets_no_further(store: TaskStore, clock: Clock, claimed: Claimed) -> None:
    task = claimed()
    for index in range(5):
        store.commit_segment(task.task_id, task.fence, index, f"{index:05d}-{task.fence}.mp4", 80)
        clock.now += LIMITS.lease_s + 1
        again = store.claim_next()
        assert again is not None
        task = again

    assert (task.attempts, task.strikes) == (6, 1)
    # what was there before and is made again is no step forward
    store.restart_segments(task.task_id, task.fence, 0)
    store.commit_segment(task.task_id, task.fence, 0, "anew", 80)
    store.fail(task.task_id, task.fence, "X", "fell over", retryable=True)
    assert store.get(task.task_id).status is TaskStatus.FAILED


def test_a_task_that_takes_runners_down_costs_those_beside_it_one_attempt_each(
    store: TaskStore, clock: Clock, claimed: Claimed
) -> None:
    poison, victim = claimed(), claimed()
    clock.now += LIMITS.lease_s + 1

    assert [task and task.task_id for task in (store.claim_next(), store.claim_next())] == [poison.task_id, None]
    clock.now += LIMITS.lease_s + 1

    again = store.claim_next()
    assert store.get(poison.task_id).status is TaskStatus.FAILED
    assert again is not None
    assert (again.task_id, again.strikes) == (victim.task_id, 1)


def test_a_new_task_passes_those_that_wait_for_a_suspect(store: TaskStore, clock: Clock, claimed: Claimed) -> None:
    claimed(), claimed()
    clock.now += LIMITS.lease_s + 1
    store.claim_next()

    assert claimed().task_id == "task-2"


def test_leases_are_renewed_after_the_store_was_away(tmp_path: Path, clock: Clock) -> None:
    first = TaskStore(tmp_path / "db", LIMITS, clock, clock.monotonic)
    first.create(new_task(1))
    task = first.claim_next()
    assert task is not None
    first.close()
    clock.now += 10 * LIMITS.lease_s  # in which no runner could be heard

    store = TaskStore(tmp_path / "db", LIMITS, clock, clock.monotonic)

    assert store.expire_leases() == []
    clock.now += LIMITS.lease_s + 1
    assert store.expire_leases() == [task.task_id]
    store.close()


def test_callers_share_the_service_evenly_and_their_own_tasks_keep_their_order(store: TaskStore) -> None:
    for number, owner in enumerate("aaabc"):
        store.create(new_task(number, owner=owner))

    assert [store.get(f"task-{n}").queue_position for n in range(5)] == [1, 4, 5, 2, 3]
    order = []
    while (task := store.claim_next()) is not None:
        order.append(task.task_id)
        store.complete(task.task_id, task.fence, {})
    assert order == ["task-0", "task-3", "task-4", "task-1", "task-2"]


def test_a_caller_with_a_running_task_waits_for_those_with_none(store: TaskStore) -> None:
    for number, owner in enumerate("aab"):
        store.create(new_task(number, owner=owner))

    assert [store.claim_next().task_id for _ in range(2)] == ["task-0", "task-2"]  # type: ignore[union-attr]


def test_nothing_is_kept_of_deleted_data_but_that_there_was_a_task(store: TaskStore, claimed: Claimed) -> None:
    task = store.create(new_task(0, idempotency_key="k", request_digest="d"))
    store.cancel(task.task_id)

    gone = store.delete_data(task.task_id)

    assert (gone.status, gone.data_deleted_at) == (TaskStatus.CANCELLED, gone.updated_at)
    assert store.delete_data(task.task_id) == gone
    assert (store.logs(task.task_id), store.events_since(task.task_id, 0)) == ([], [])
    assert store.create(new_task(1, idempotency_key="k", request_digest="d")).task_id == "task-1"
    assert store.known(["task-0", "task-1", "task-2"]) == {"task-1": TaskStatus.QUEUED}


def test_an_error_that_may_pass_is_tried_again_and_one_that_cannot_is_final(store: TaskStore, claimed: Claimed) -> None:
    passing, final = claimed(), claimed()

    store.fail(passing.task_id, passing.fence, "X", "a stage fell over", retryable=True)
    store.fail(final.task_id, final.fence, "NO_FACE_FOUND", "no face", retryable=False)

    assert store.get(passing.task_id).status is TaskStatus.QUEUED
    assert store.get(final.task_id).status is TaskStatus.FAILED
    assert store.get(final.task_id).error_code == "NO_FACE_FOUND"


def test_giving_a_task_back_costs_no_attempt(store: TaskStore, claimed: Claimed) -> None:
    task = claimed()
    for _ in range(5):
        store.release(task.task_id, task.fence)
        again = store.claim_next()
        assert again is not None
        task = again

    assert task.attempts == 1
    assert task.fence == 6


def test_completing_twice_is_completing_once(store: TaskStore, claimed: Claimed) -> None:
    task = claimed()

    store.complete(task.task_id, task.fence, {"frames": 1})
    store.complete(task.task_id, task.fence, {"frames": 1})

    done = store.get(task.task_id)
    assert (done.status, done.progress, done.result) == (TaskStatus.COMPLETED, 100, {"frames": 1})
    assert [line.message for line in store.logs(task.task_id)].count("completed") == 1


def test_of_two_attempts_only_the_newest_wins(store: TaskStore, clock: Clock, claimed: Claimed) -> None:
    first = claimed()
    clock.now += LIMITS.lease_s + 1
    second = store.claim_next()
    assert second is not None
    store.complete(second.task_id, second.fence, {"by": "second"})

    with pytest.raises(LeaseLost):
        store.complete(first.task_id, first.fence, {"by": "first"})

    assert store.get(first.task_id).result == {"by": "second"}


def test_segments_are_counted_in_order_and_once(store: TaskStore, claimed: Claimed) -> None:
    task = claimed()
    store.commit_segment(task.task_id, task.fence, 0, "a", 80)
    store.commit_segment(task.task_id, task.fence, 1, "b", 160)

    store.commit_segment(task.task_id, task.fence, 0, "a", 80)

    assert store.get(task.task_id).segments == ("a", "b")
    assert store.get(task.task_id).frames_done == 160


@pytest.mark.parametrize(("index", "name"), [(3, "d"), (0, "other"), (-1, "b")], ids=["gap", "other name", "negative"])
def test_a_segment_out_of_order_is_refused(store: TaskStore, claimed: Claimed, index: int, name: str) -> None:
    task = claimed()
    store.commit_segment(task.task_id, task.fence, 0, "a", 80)
    store.commit_segment(task.task_id, task.fence, 1, "b", 160)

    with pytest.raises(ValueError, match="segment 2 is next"):
        store.commit_segment(task.task_id, task.fence, index, name, 240)


@pytest.mark.parametrize(("n_kept", "left"), [(1, ("a",)), (0, ())], ids=["some", "none"])
def test_segments_whose_files_are_gone_are_made_again(
    store: TaskStore, claimed: Claimed, n_kept: int, left: tuple[str, ...]
) -> None:
    task = claimed()
    for index, name in enumerate("abc"):
        store.commit_segment(task.task_id, task.fence, index, name, 80)

    store.restart_segments(task.task_id, task.fence, n_kept)

    assert store.get(task.task_id).segments == left


def test_the_time_that_stages_take_adds_up(store: TaskStore, claimed: Claimed) -> None:
    task = claimed()

    for stage, seconds in (("generation", 1.5), ("encoding", 0.5), ("generation", 2.0)):
        store.add_stage_seconds(task.task_id, task.fence, stage, seconds)

    assert store.get(task.task_id).stage_seconds == {"generation": 3.5, "encoding": 0.5}


def test_a_queued_task_can_be_cancelled_a_running_one_only_by_force(store: TaskStore, claimed: Claimed) -> None:
    running = claimed()
    store.create(new_task(7))

    assert store.cancel("task-7").status is TaskStatus.CANCELLED
    with pytest.raises(TaskNotCancellable):
        store.cancel(running.task_id)
    assert store.cancel(running.task_id, force=True).status is TaskStatus.CANCELLED
    with pytest.raises(TaskNotCancellable):
        store.cancel(running.task_id, force=True)
    with pytest.raises(TaskNotFound, match=r"^Task not found in queue or already running$"):
        store.cancel("nobody")


def test_the_runner_of_a_cancelled_task_is_told_so(store: TaskStore, claimed: Claimed) -> None:
    task = claimed()
    store.cancel(task.task_id, force=True)

    with pytest.raises(TaskCancelled):
        store.heartbeat(task.task_id, task.fence)
    with pytest.raises(TaskCancelled):
        store.complete(task.task_id, task.fence, {})


def test_pages_are_newest_first_and_stable_while_tasks_arrive(store: TaskStore) -> None:
    for number in range(5):
        store.create(new_task(number))

    first = store.list_tasks(limit=2)
    store.claim_next()
    store.create(new_task(5))
    second = store.list_tasks(limit=2, cursor=first.next_cursor)
    last = store.list_tasks(limit=2, cursor=second.next_cursor)

    assert [t.task_id for page in (first, second, last) for t in page.tasks] == [f"task-{n}" for n in (4, 3, 2, 1, 0)]
    assert last.next_cursor is None
    with pytest.raises(InvalidParameter, match="cursor"):
        store.list_tasks(cursor="'; DROP TABLE tasks")
    with pytest.raises(InvalidParameter, match="limit"):
        store.list_tasks(limit=0)


def test_every_way_of_reading_tells_the_same_position_in_the_queue(store: TaskStore) -> None:
    for number in range(5):
        store.create(new_task(number))
    store.cancel("task-1")
    ids = ["task-3", "task-0", "task-1", "task-4"]

    one_by_one = {task_id: store.get(task_id).queue_position for task_id in ids}

    assert one_by_one == {"task-3": 3, "task-0": 1, "task-1": None, "task-4": 4}
    assert {task_id: task.queue_position for task_id, task in store.get_many(ids).items()} == one_by_one
    assert [task.queue_position for task in store.list_tasks(limit=2).tasks] == [4, 3]


def test_the_queue_has_a_length_and_an_oldest_task(store: TaskStore, clock: Clock) -> None:
    assert store.queue() == (0, None)
    store.create(new_task(0))
    clock.now += 5
    store.create(new_task(1))

    assert store.queue() == (2, clock.now - 5)


def test_lists_are_filtered_by_status_and_owner(store: TaskStore) -> None:
    store.create(new_task(0, owner="a"))
    store.create(new_task(1, owner="b"))
    store.claim_next()

    assert [task.task_id for task in store.list_tasks(owner="b").tasks] == ["task-1"]
    assert [task.task_id for task in store.list_tasks(status=TaskStatus.PROCESSING).tasks] == ["task-0"]
    assert store.list_tasks(status=TaskStatus.PROCESSING, owner="b").tasks == ()


def test_many_tasks_are_read_at_once_and_missing_ones_are_left_out(store: TaskStore) -> None:
    store.create(new_task(0))

    assert store.get_many(["task-0", "nobody"]) == {"task-0": store.get("task-0")}
    assert store.get_many([]) == {}


@pytest.mark.parametrize("step_s", [-3600, -0.01, 0.01, 3600, 1e9])
def test_a_clock_that_is_set_neither_takes_a_task_from_a_living_runner_nor_leaves_it_with_a_dead_one(
    store: TaskStore, clock: Clock, claimed: Claimed, step_s: float
) -> None:
    task = claimed()
    clock.set_by(step_s)

    assert store.expire_leases() == []
    clock.now += LIMITS.lease_s
    assert store.expire_leases() == []
    clock.now += 1
    assert store.expire_leases() == [task.task_id]


def test_the_times_of_a_task_never_go_backwards(store: TaskStore, clock: Clock, claimed: Claimed) -> None:
    task = claimed()
    clock.set_by(-3600)

    store.report(task.task_id, task.fence, 10, "working", 1, 2)
    store.complete(task.task_id, task.fence, {})

    done = store.get(task.task_id)
    assert done.finished_at == done.updated_at == task.updated_at
    assert {event.at for event in store.events_since(task.task_id, 0)} == {task.updated_at}


def test_the_log_tells_a_tasks_life_in_plain_words(store: TaskStore, clock: Clock, claimed: Claimed) -> None:
    task = claimed()
    store.log(task.task_id, "WARNING", "3 faces,\nlargest taken")
    store.commit_segment(task.task_id, task.fence, 0, "a", 80)
    clock.now += LIMITS.lease_s + 1
    again = store.claim_next()
    assert again is not None
    store.release(again.task_id, again.fence)
    store.cancel(again.task_id)

    assert [(line.level, line.message) for line in store.logs(task.task_id)] == [
        ("INFO", "queued at position 1; engine preview (asked for)"),
        ("INFO", "attempt 1 started"),
        ("WARNING", "3 faces, largest taken"),
        ("INFO", "segment 1 finished, 80 frames"),
        (
            "WARNING",
            "lease ran out: the runner of attempt 1 was silent for 10 s; "
            "back in the queue, 1 of 2 without getting further",
        ),
        ("INFO", "attempt 2 started, to resume after segment 1"),
        ("INFO", "given back to the queue: its runner stopped"),
        ("INFO", "cancelled"),
    ]
    assert [line.message for line in store.logs(task.task_id, tail=1)] == ["cancelled"]


def test_nothing_is_logged_for_a_task_that_does_not_exist(store: TaskStore) -> None:
    with pytest.raises(TaskNotFound):
        store.log("nobody", "INFO", "hello")

    assert store.logs("nobody") == []


def test_logs_and_events_are_bounded_and_keep_the_newest(
    store: TaskStore, claimed: Claimed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emo_hallo_ray.tasks.journal.MAX_EVENTS", 5)
    monkeypatch.setattr("emo_hallo_ray.tasks.journal.MAX_LOG_LINES", 3)
    task = claimed()

    for progress in range(20):
        store.report(task.task_id, task.fence, progress, "working", 1, 2)
        store.log(task.task_id, "INFO", str(progress))

    events = store.events_since(task.task_id, 0)
    assert [event.progress for event in events] == [15, 16, 17, 18, 19]
    assert [event.seq for event in store.events_since(task.task_id, events[2].seq)] == [e.seq for e in events[3:]]
    assert [line.message for line in store.logs(task.task_id)] == ["17", "18", "19"]


def test_defaults_are_partial_and_survive_reopening(tmp_path: Path) -> None:
    store = TaskStore(tmp_path / "db", LIMITS)
    store.set_defaults({"inference_steps": 25})
    store.set_defaults({"enable_cache": False})
    store.close()

    reopened = TaskStore(tmp_path / "db", LIMITS)

    assert reopened.defaults() == EngineDefaults(inference_steps=25, enable_cache=False)
    reopened.close()


def test_an_unknown_default_is_refused_by_name(store: TaskStore) -> None:
    with pytest.raises(InvalidParameter, match="'steps'"):
        store.set_defaults({"guidance_scale": 5.0, "steps": 25})

    assert store.defaults() == EngineDefaults()


def test_ended_tasks_are_found_by_age_the_oldest_first(store: TaskStore, clock: Clock, claimed: Claimed) -> None:
    ended = [claimed().task_id, claimed().task_id]
    for task_id in reversed(ended):
        clock.now += 10
        store.cancel(task_id, force=True)
    claimed()

    assert [task_id for task_id, _ in store.ended(before=clock.now)] == ended[1:]
    assert [task_id for task_id, _ in store.ended()] == ended[::-1]
    store.delete_data(ended[0])
    assert store.ended(with_data=True) == [(ended[1], clock.now - 10)]


def test_only_ended_tasks_can_be_deleted(store: TaskStore, claimed: Claimed) -> None:
    task = claimed()
    for delete in (store.delete, store.delete_data):
        with pytest.raises(TaskNotEnded, match="processing"):
            delete(task.task_id)
    store.complete(task.task_id, task.fence, {})

    store.delete(task.task_id)

    assert store.logs(task.task_id) == []
    with pytest.raises(TaskNotFound):
        store.get(task.task_id)


def test_a_task_that_cannot_be_stored_is_refused_in_the_documented_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emo_hallo_ray.tasks.database.BUSY_TIMEOUT_S", 0)
    store = TaskStore(tmp_path / "db", LIMITS)
    intruder = sqlite3.connect(tmp_path / "db", isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")

    with pytest.raises(SubmissionFailed, match=r"^Failed to submit task: The task database .* is locked$"):
        store.create(new_task(0))

    intruder.close()
    assert store.create(new_task(0)).queue_position == 1
    store.close()


WRITER = """
import sys
from pathlib import Path
from emo_hallo_ray.tasks.model import NewTask, TaskParams
from emo_hallo_ray.tasks.store import StoreLimits, TaskStore

store = TaskStore(Path(sys.argv[1]), StoreLimits())
for number in range(10**9):
    store.create(NewTask(f"task-{number}", TaskParams(), "asked for"))
    print(number, "queued", flush=True)
    task = store.claim_next()
    print(number, "processing", flush=True)
    store.report(task.task_id, task.fence, 50, "working", 1, 2)
    store.commit_segment(task.task_id, task.fence, 0, "a", 80)
    print(number, "segment", flush=True)
    store.complete(task.task_id, task.fence, {"number": number})
    print(number, "completed", flush=True)
"""


@pytest.mark.parametrize("n_lines", [1, 100, 401])
def test_what_was_acknowledged_survives_the_death_of_the_process(tmp_path: Path, n_lines: int) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path / "db"], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(n_lines)]
    writer.send_signal(signal.SIGKILL)
    lines += [line for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    writer.stdout.close()
    writer.wait()

    store = TaskStore(tmp_path / "db", StoreLimits())

    for number, acknowledged in (line.split() for line in lines):
        task = store.get(f"task-{number}")
        reached = {
            "queued": True,
            "processing": task.status is not TaskStatus.QUEUED,
            "segment": (task.segments, task.progress >= 50) == (("a",), True),
            "completed": task.result == {"number": int(number)},
        }
        assert reached[acknowledged], (acknowledged, task)
    n_acknowledged = int(lines[-1].split()[0]) + 1
    assert n_acknowledged <= sum(store.counts().values()) <= n_acknowledged + 1
    store.close()
