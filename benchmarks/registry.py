"""What one TaskRegistry can take: events and creations a second, and the time of a list, with many tasks stored.

    python -m benchmarks.registry [--tasks 100000]

The store alone, in one process on one core, as the actor runs it: SQLite on disk, every write as durable as in
the service. What the actor's calls cost on top is in docs/PERFORMANCE.md, "What status polling costs".
"""

import argparse
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from rich.progress import track

from benchmarks.report import report
from emo_hallo_ray.tasks.model import NewTask, TaskParams, TaskStatus
from emo_hallo_ray.tasks.store import StoreLimits, TaskStore

FOR_S = 10.0
N_RUNNING = 50
PAGE = 100
EVENTS_GOAL, CREATIONS_GOAL, LIST_GOAL_MS = 1_000, 200, 20


def fill(store: TaskStore, n_tasks: int) -> None:
    """Store ended tasks, as a service has them after a while."""
    for _ in track(range(n_tasks), "filling"):
        store.create(_new())
        task = store.claim_next()
        assert task is not None
        store.complete(task.task_id, task.fence, {"duration": 1.0, "fence": task.fence})


def rate(work: Callable[[int], object]) -> float:
    """How often a second this can be done, one after another."""
    started, n = time.perf_counter(), 0
    while time.perf_counter() - started < FOR_S:
        work(n)
        n += 1
    return n / (time.perf_counter() - started)


def milliseconds(work: Callable[[], object], n: int = 50) -> float:
    """The median time of one call."""
    times = []
    for _ in range(n):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return 1_000 * sorted(times)[n // 2]


def _new() -> NewTask:
    return NewTask(str(uuid.uuid4()), TaskParams(), "asked for")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=100_000)
    n_tasks = parser.parse_args().tasks
    with tempfile.TemporaryDirectory() as folder:
        store = TaskStore(Path(folder) / "tasks.sqlite", StoreLimits(max_queued=10**9, max_concurrent=10**9))
        fill(store, n_tasks)
        running = []
        for _ in range(N_RUNNING):
            store.create(_new())
            task = store.claim_next()
            assert task is not None
            running.append(task)

        def progress(n: int) -> None:
            task = running[n % N_RUNNING]
            store.report(task.task_id, task.fence, n // N_RUNNING % 99, f"clip {n}", n, 10**6)

        page = store.list_tasks(limit=PAGE)
        rows = [
            _row("progress events a second", rate(progress), f"at least {EVENTS_GOAL}"),
            _row("creations a second", rate(lambda n: store.create(_new())), f"at least {CREATIONS_GOAL}"),
            _row(f"a page of {PAGE}, ms", milliseconds(lambda: store.list_tasks(limit=PAGE)), f"below {LIST_GOAL_MS}"),
            _row(
                "the page after it, ms",
                milliseconds(lambda: store.list_tasks(limit=PAGE, cursor=page.next_cursor)),
                f"below {LIST_GOAL_MS}",
            ),
            _row(
                "a page of one status, ms",
                milliseconds(lambda: store.list_tasks(status=TaskStatus.COMPLETED, limit=PAGE)),
                f"below {LIST_GOAL_MS}",
            ),
            _row("counts by status, ms", milliseconds(store.counts), ""),
            _row("gauges of the queue, ms", milliseconds(store.active), ""),
        ]
        store.close()
    report("registry", f"The task store with {n_tasks} tasks", rows)


def _row(what: str, measured: float, goal: str) -> dict[str, object]:
    return {"what": what, "measured": measured, "goal": goal}


if __name__ == "__main__":
    main()
