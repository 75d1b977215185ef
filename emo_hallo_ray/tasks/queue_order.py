"""Whose turn it is: callers share the service evenly, and each caller's own tasks keep their order."""

import sqlite3
from collections.abc import Iterable

from emo_hallo_ray.tasks.database import Database

# Every caller gets one running task before any gets two; among equals the one who was served the longest ago is next.
# `round` counts a caller's waiting tasks from 0, so that running + round says how many of that caller's would run then.
ORDER = """
WITH waiting AS (
    SELECT sequence, strikes, ifnull(owner, '') AS who,
           row_number() OVER (PARTITION BY owner ORDER BY sequence) - 1 AS round
    FROM tasks WHERE status = 'queued'
), running AS (
    SELECT ifnull(owner, '') AS who, count(*) AS n FROM tasks WHERE status = 'processing' GROUP BY who
)
SELECT sequence, strikes, row_number() OVER (
    ORDER BY ifnull(n, 0) + round, round, ifnull(turn, 0), sequence
) AS position
FROM waiting LEFT JOIN running USING (who) LEFT JOIN turns ON turns.owner = who
"""


class QueueOrder:
    """Reads and keeps the order in which queued tasks are to run, inside the store's transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next(self, max_strikes: int | None = None) -> sqlite3.Row | None:
        """The first task with no more strikes than these; None if there is none."""
        condition = "" if max_strikes is None else f"WHERE strikes <= {max_strikes:d}"
        first = f"SELECT sequence FROM ({ORDER}) {condition} ORDER BY position LIMIT 1"
        return self._database.row(f"SELECT * FROM tasks WHERE sequence = ({first})")

    def count_turn(self, owner: str | None) -> None:
        """This caller was served now."""
        self._database.write(
            "INSERT OR REPLACE INTO turns SELECT ?, 1 + ifnull(max(turn), 0) FROM turns", (owner or "",)
        )

    def positions(self, sequences: Iterable[int]) -> dict[int, int]:
        """Positions of these tasks, from 1; those that do not wait are left out."""
        wanted = set(sequences)
        if not wanted:
            return {}
        rows = self._database.rows(f"SELECT sequence, position FROM ({ORDER})")
        return {row["sequence"]: row["position"] for row in rows if row["sequence"] in wanted}
