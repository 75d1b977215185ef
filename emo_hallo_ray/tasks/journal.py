"""What happened to each task: events for programs, log lines for people. Both are bounded per task."""

from emo_hallo_ray.tasks.database import Database
from emo_hallo_ray.tasks.model import Event, LogRecord, TaskStatus

MAX_EVENTS = 1_000  # the newest stay: a slow listener may miss some in between, never the last
MAX_LOG_LINES = 10_000


class Journal:
    """Two append-only lists per task, written inside the store's transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_event(self, task_id: str, at: float, status: TaskStatus, progress: int, message: str) -> None:
        """Append an event; `seq` grows by one per task."""
        self._append("events", MAX_EVENTS, task_id, (at, status.value, progress, message))

    def add_line(self, task_id: str, at: float, level: str, message: str) -> None:
        """Append a log line; line breaks become spaces, since a record is a line."""
        self._append("logs", MAX_LOG_LINES, task_id, (at, level, " ".join(message.split())))

    def events_since(self, task_id: str, seq: int, limit: int) -> list[Event]:
        """The oldest events after `seq`."""
        rows = self._database.rows(
            "SELECT seq, at, status, progress, message FROM events WHERE task_id = ? AND seq > ? ORDER BY seq LIMIT ?",
            (task_id, seq, limit),
        )
        return [Event(seq, at, TaskStatus(status), progress, message) for seq, at, status, progress, message in rows]

    def lines(self, task_id: str, tail: int | None) -> list[LogRecord]:
        """The last `tail` lines, or all of them, oldest first."""
        rows = self._database.rows(
            "SELECT at, level, message FROM logs WHERE task_id = ? ORDER BY seq DESC LIMIT ?",
            (task_id, -1 if tail is None else tail),
        )
        return [LogRecord(*row) for row in reversed(rows)]

    def forget(self, task_id: str) -> None:
        """Drop everything of one task."""
        self._database.write("DELETE FROM events WHERE task_id = ?", (task_id,))
        self._database.write("DELETE FROM logs WHERE task_id = ?", (task_id,))

    def _append(self, table: str, limit: int, task_id: str, values: tuple[object, ...]) -> None:
        seq = 1 + self._database.value(f"SELECT ifnull(max(seq), 0) FROM {table} WHERE task_id = ?", (task_id,))
        places = ", ".join("?" * (2 + len(values)))
        self._database.write(f"INSERT INTO {table} VALUES ({places})", (task_id, seq, *values))
        self._database.write(f"DELETE FROM {table} WHERE task_id = ? AND seq <= ?", (task_id, seq - limit))
