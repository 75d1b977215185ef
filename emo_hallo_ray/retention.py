"""What goes when: a task's intermediate results soon after its end, its data by age and size, and what nobody owns.

Nothing of a task that waits or runs is ever touched. Every step can be repeated and broken off anywhere, so several
replicas may sweep at a time.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from emo_hallo_ray.settings import RetentionSettings
from emo_hallo_ray.storage import Storage
from emo_hallo_ray.tasks.model import Task, TaskStatus

BATCH = 500  # tasks in one question to the store


class TaskRecords(Protocol):
    """The part of the task store that a sweep asks."""

    async def ended(self, before: float | None = None, with_data: bool = False) -> list[tuple[str, float]]: ...
    async def get_many(self, task_ids: Iterable[str]) -> dict[str, Task]: ...
    async def known(self, task_ids: Iterable[str]) -> dict[str, TaskStatus]: ...
    async def delete_data(self, task_id: str) -> Task: ...
    async def delete(self, task_id: str) -> None: ...


@dataclass
class Swept:
    """What a sweep did, for the log."""

    by_age: list[str] = field(default_factory=list)
    by_size: list[str] = field(default_factory=list)
    records: int = 0
    scratch: int = 0
    orphans: int = 0


@dataclass(frozen=True)
class Sweeper:
    """Applies the policy once per call of `sweep`."""

    storage: Storage
    records: TaskRecords
    policy: RetentionSettings
    _tidied: set[str] = field(default_factory=set)  # tasks without scratch: with an object store each look costs

    async def sweep(self) -> Swept:
        """Look at everything once.

        Raises:
            ServiceUnavailable: the store cannot be asked; nothing is deleted that it did not agree to.
        """
        swept, now = Swept(), time.time()
        ended = await self.records.ended(with_data=True)
        if self.policy.age_s:
            swept.by_age = [task_id for task_id, end in ended if end < now - self.policy.age_s]
        old = set(swept.by_age)
        for task_id in swept.by_age:
            await self._delete_data(task_id)
        kept = [(task_id, end) for task_id, end in ended if task_id not in old]
        swept.scratch = await self._delete_scratch(
            [task_id for task_id, end in kept if end < now - self.policy.scratch_s]
        )
        if self.policy.max_bytes:
            swept.by_size = await self._shrink([task_id for task_id, _ in kept])
        swept.orphans = await self._delete_orphans(now - self.policy.orphan_s)
        if self.policy.record_age_s:
            for task_id, _ in await self.records.ended(before=now - self.policy.record_age_s):
                await self._delete_data(task_id)
                await self.records.delete(task_id)
                swept.records += 1
        return swept

    async def _delete_data(self, task_id: str) -> None:
        # in this order: if it breaks off in between, the folder is an orphan of the next sweep
        await self.records.delete_data(task_id)
        await asyncio.to_thread(self.storage.task(task_id).delete)

    async def _delete_scratch(self, task_ids: list[str]) -> int:
        unsure = [task_id for task_id in task_ids if task_id not in self._tidied]
        littered = [task_id for task_id in unsure if await asyncio.to_thread(self.storage.task(task_id).has_scratch)]
        for batch in _batches(littered):
            for task in (await self.records.get_many(batch)).values():
                fence = task.result["fence"] if task.result else None
                await asyncio.to_thread(self.storage.task(task.task_id).delete_scratch, fence)
        self._tidied.intersection_update(task_ids)  # those that are gone need not be remembered
        self._tidied.update(unsure)
        return len(littered)

    async def _shrink(self, task_ids: list[str]) -> list[str]:
        """Delete the data of the oldest ended tasks until all tasks together fit."""
        sizes = await asyncio.to_thread(self._sizes)
        excess = sum(sizes.values()) - self.policy.max_bytes
        gone = []
        for task_id in task_ids:
            if excess <= 0:
                break
            await self._delete_data(task_id)
            excess -= sizes.get(task_id, 0)
            gone.append(task_id)
        return gone

    def _sizes(self) -> dict[str, int]:
        return {task_id: self.storage.task(task_id).size_bytes() for task_id in self.storage.task_ids()}

    async def _delete_orphans(self, before: float) -> int:
        """Remove folders without a task, and temporary files whose writers were killed."""
        n_orphans = 0
        for batch in _batches(await asyncio.to_thread(self.storage.task_ids)):
            known = await self.records.known(batch)
            for task_id in batch:
                files = self.storage.task(task_id)
                # an upload has no task until it is complete
                if task_id not in known and await asyncio.to_thread(files.last_change) < before:
                    await asyncio.to_thread(files.delete)
                    n_orphans += 1
        return n_orphans + await asyncio.to_thread(_delete_temporaries, self.storage.folder, before)


def _delete_temporaries(root: Path, before: float) -> int:
    """Those of tasks go with their tasks."""
    n_deleted = 0
    for path in [*root.glob(".*"), *(root / "cache").glob(".*")]:
        with contextlib.suppress(FileNotFoundError):  # its writer lives, or another replica sweeps too
            if path.is_file() and path.stat().st_mtime < before:
                path.unlink()
                n_deleted += 1
    return n_deleted


def _batches(items: list[str]) -> Iterable[list[str]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))
