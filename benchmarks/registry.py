"""What one TaskRegistry can take: events and creations a second, and the time of a list, with many tasks stored.

    python -m benchmarks.registry [--tasks 100000]

First the store alone, in one process on one core: SQLite on disk, every write as durable as in the service. Then the
detached actor around it, as the service has it, called from this process by 50 callers at a time: through one
connection, as the tasks of one ingress replica have it, and through one each, which never travel together.
"""

import argparse
import asyncio
import itertools
import shutil
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import ray
from rich.progress import track

from benchmarks.report import report
from deployments.task_registry import Registry, RegistryAddress, TaskRegistry
from emo_hallo_ray.tasks.model import NewTask, Task, TaskParams, TaskStatus
from emo_hallo_ray.tasks.store import StoreLimits, TaskStore

FOR_S = 10.0
N_RUNNING = 50
N_CALLERS = 50
RESULT = {"duration": 1.0, "fence": 1}
LIMITS = StoreLimits(max_queued=10**9, max_concurrent=10**9)
MEMORY_DISK = Path("/dev/shm")
PAGE = 100
EVENTS_GOAL, CREATIONS_GOAL, LIST_GOAL_MS = 1_000, 200, 20


def fill(store: TaskStore, n_tasks: int) -> None:
    """Store ended tasks, as a service has them after a while."""
    for _ in track(range(n_tasks), "filling"):
        store.create(_new())
        task = store.claim_next()
        assert task is not None
        store.complete(task.task_id, task.fence, RESULT)


def start_tasks(store: TaskStore) -> list[Task]:
    """Tasks that run."""
    running = []
    for _ in range(N_RUNNING):
        store.create(_new())
        task = store.claim_next()
        assert task is not None
        running.append(task)
    return running


def filled_database(folder: Path, n_tasks: int) -> Path:
    """The file, filled in memory where there is such a disk: waiting for a real one 300,000 times takes long."""
    with tempfile.TemporaryDirectory(dir=MEMORY_DISK if MEMORY_DISK.exists() else None) as quick:
        store = TaskStore(Path(quick) / "tasks.sqlite", LIMITS)
        fill(store, n_tasks)
        store.close()
        return Path(shutil.copy(Path(quick) / "tasks.sqlite", folder))


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
        database = filled_database(Path(folder), n_tasks)
        store = TaskStore(database, LIMITS)
        running = start_tasks(store)

        def progress(n: int) -> None:
            task = running[n % N_RUNNING]
            store.report(task.task_id, task.fence, n // N_RUNNING % 99, f"clip {n}", n, 10**6)

        def create(n: int) -> None:
            store.create(_new())
            task = store.claim_next()  # in the long run as many begin and end as arrive
            assert task is not None
            store.complete(task.task_id, task.fence, RESULT)

        page = store.list_tasks(limit=PAGE)
        rows = [
            _row("progress events a second", rate(progress), f"at least {EVENTS_GOAL}"),
            _row("creations a second, and as many claims and ends", rate(create), f"at least {CREATIONS_GOAL}"),
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
        report(
            "registry_actor", f"The actor around it, {N_CALLERS} callers", asyncio.run(measure_actor(database, running))
        )


async def measure_actor(database: Path, running: list[Task]) -> list[dict[str, object]]:
    """The same through calls of the actor, and both kinds of writes at once."""
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    address = RegistryAddress(database, LIMITS)
    registry = await address.connect()
    numbers = itertools.count()

    async def progress_through(connection: Registry) -> None:
        n = next(numbers)
        task = running[n % N_RUNNING]
        await connection.call(TaskRegistry.report, task.task_id, task.fence, n // N_RUNNING % 99, f"clip {n}", n, 10**6)

    async def progress() -> None:
        await progress_through(registry)

    others = itertools.cycle([Registry(address.find_or_start(), address) for _ in range(N_CALLERS)])

    async def progress_apart() -> None:
        await progress_through(next(others))

    async def create() -> None:
        await registry.call(TaskRegistry.create, _new())
        task = await registry.call(TaskRegistry.claim_next)
        assert task is not None
        await registry.call(TaskRegistry.complete, task.task_id, task.fence, RESULT)

    rows = [
        _row("progress events a second", await call_rate(progress, N_CALLERS), f"at least {EVENTS_GOAL}"),
        _row(f"the same through {N_CALLERS} connections", await call_rate(progress_apart, N_CALLERS), ""),
        _row(
            "creations a second, and as many claims and ends",
            await call_rate(create, N_CALLERS),
            f"at least {CREATIONS_GOAL}",
        ),
    ]
    both = await asyncio.gather(call_rate(progress, N_CALLERS), call_rate(create, N_CALLERS))
    rows += [
        _row(
            *("events and creations at once, each a second", f"{both[0]:.0f} and {both[1]:.0f}"),
            f"at least {EVENTS_GOAL} and {CREATIONS_GOAL}",
        )
    ]
    rows += [_row(f"a page of {PAGE}, ms", await page_ms(registry), f"below {LIST_GOAL_MS}")]
    ray.shutdown()
    return rows


async def call_rate(work: Callable[[], Awaitable[None]], n_callers: int) -> float:
    """How often a second this can be done by callers that each wait for their answer."""
    started = time.perf_counter()

    async def caller() -> int:
        n = 0
        while time.perf_counter() - started < FOR_S:
            await work()
            n += 1
        return n

    done = await asyncio.gather(*(caller() for _ in range(n_callers)))
    return sum(done) / (time.perf_counter() - started)


async def page_ms(registry: Registry) -> float:
    """The median time of a list through the actor."""
    times = []
    for _ in range(50):
        started = time.perf_counter()
        await registry.call(TaskRegistry.list_tasks, limit=PAGE)
        times.append(time.perf_counter() - started)
    return 1_000 * sorted(times)[len(times) // 2]


def _row(what: str, measured: float | str, goal: str) -> dict[str, object]:
    return {"what": what, "measured": measured, "goal": goal}


if __name__ == "__main__":
    main()
