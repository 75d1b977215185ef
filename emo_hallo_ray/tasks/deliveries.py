"""What is still to be told to webhooks. A message arises with the change that it tells, in the same transaction.

It goes away when it was delivered or given up; how that went is in the task's log. Whoever takes a message to deliver
it has `LEASE_S` for that; then somebody else may take it. So it arrives at least once, and twice only if its bearer
died in between.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from emo_hallo_ray.tasks.database import Database
from emo_hallo_ray.tasks.model import Webhook

LEASE_S = 60.0  # longer than any try takes
# a due time further ahead than any wait was written before somebody set the clock back
LONGEST_WAIT_S = 86_400.0


@dataclass(frozen=True)
class Taken:
    """A message in somebody's hands."""

    delivery_id: str
    task_id: str
    event: str
    attempts: int  # this one counted


class Deliveries:
    """The table; its caller holds a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, webhook: Webhook | None, task_id: str, event: str, now: float) -> None:
        """Tell the webhook of an event, if there is one that wants to hear of it."""
        if webhook is not None and event in webhook.events:
            values = (str(uuid.uuid4()), task_id, event, now)
            self._database.write("INSERT INTO deliveries VALUES (?, ?, ?, 0, ?)", values)

    def are_due(self, now: float) -> bool:
        """Whether there is anything to take: cheap, and needs no transaction."""
        return bool(self._database.row("SELECT 1 FROM deliveries WHERE due_at <= ? OR due_at > ?", _window(now)))

    def take(self, now: float, limit: int) -> list[Taken]:
        """Take the oldest that are due."""
        rows = self._database.rows(
            "SELECT * FROM deliveries WHERE due_at <= ? OR due_at > ? ORDER BY due_at LIMIT ?", (*_window(now), limit)
        )
        for row in rows:
            self._database.write(
                "UPDATE deliveries SET attempts = attempts + 1, due_at = ? WHERE delivery_id = ?",
                (now + LEASE_S, row["delivery_id"]),
            )
        return [Taken(row["delivery_id"], row["task_id"], row["event"], row["attempts"] + 1) for row in rows]

    def task_of(self, delivery_id: str) -> str | None:
        """Whose message it is; None if it is no more."""
        row = self._database.row("SELECT task_id FROM deliveries WHERE delivery_id = ?", (delivery_id,))
        return None if row is None else row["task_id"]

    def postpone(self, delivery_id: str, due_at: float) -> None:
        """Let it be taken again from then on."""
        self._database.write("UPDATE deliveries SET due_at = ? WHERE delivery_id = ?", (due_at, delivery_id))

    def drop(self, delivery_ids: Iterable[str]) -> None:
        """They were delivered, or given up."""
        for delivery_id in delivery_ids:
            self._database.write("DELETE FROM deliveries WHERE delivery_id = ?", (delivery_id,))

    def forget(self, task_id: str) -> None:
        """Drop all of one task."""
        self._database.write("DELETE FROM deliveries WHERE task_id = ?", (task_id,))


def _window(now: float) -> tuple[float, float]:
    return now, now + LONGEST_WAIT_S
