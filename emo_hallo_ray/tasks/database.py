"""The SQLite file: opening it, transactions, and its failures in our words. Knows nothing of tasks."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emo_hallo_ray.errors import DatabaseDamaged, ServiceUnavailable, StorageUnavailable
from emo_hallo_ray.storage import disk_trouble
from emo_hallo_ray.tasks.lock import share
from emo_hallo_ray.tasks.schema import migrate

BUSY_TIMEOUT_S = 5.0  # an actor that is being replaced may not be gone yet
DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})

Parameters = Sequence[Any] | Mapping[str, Any]


class Database:
    """One connection, used by one thread at a time. Its write-ahead log lets other processes read meanwhile.

    Attributes:
        was_away: some call failed since this was last set to False, or there was none before this connection.

    Raises:
        StorageUnavailable: by every method, when the disk is full or cannot be written.
        DatabaseDamaged: by every method, when the file holds what SQLite never wrote.
        ServiceUnavailable: by every method, when the file is locked or from a newer program.
    """

    def __init__(self, path: Path, lazily: bool = False) -> None:
        """Open or make the file.

        Args:
            lazily: at the first use instead, and again at the next one if that fails.
        """
        self.was_away = True
        self._path = path
        self._lock: int | None = None
        self._opened: sqlite3.Connection | None = None
        self._afterwards: list[Callable[[], None]] = []
        self._is_together = False
        if not lazily:
            self._connection.execute("SELECT 1")

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._open()
        assert self._opened is not None
        return self._opened

    def _open(self) -> None:
        with disk_trouble():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = share(self._path) if self._lock is None else self._lock
        with self._translated():
            self._opened = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._opened.row_factory = sqlite3.Row
            try:
                self._opened.execute("PRAGMA journal_mode = WAL")
                with self.transaction():
                    migrate(self._opened)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Release the file; closing twice is the same as once."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def rows(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """Everything that a query finds."""
        with self._translated():
            return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Parameters = ()) -> sqlite3.Row | None:
        """The first row that a query finds."""
        with self._translated():
            found: sqlite3.Row | None = self._connection.execute(sql, parameters).fetchone()
            return found

    def value(self, sql: str, parameters: Parameters = ()) -> Any:
        """The first column of a query that always finds one row, as those of aggregates do."""
        row = self.row(sql, parameters)
        assert row is not None
        return row[0]

    def write(self, sql: str, parameters: Parameters = ()) -> None:
        """Run a statement that gives nothing back."""
        with self._translated():
            self._connection.execute(sql, parameters)

    @contextmanager
    def transaction(self, durable: bool = True) -> Iterator[None]:
        """All or nothing; nobody else writes meanwhile.

        A durable transaction is on disk when it ends, and everything before it too. One that is not survives the death
        of the process, but a power cut may take back the last few, newest first.
        """
        if self._is_together:
            with self._savepoint():
                yield
            return
        self.write(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self.write("BEGIN IMMEDIATE")
        self._afterwards = []
        try:
            yield
            self.write("COMMIT")
            for call in self._afterwards:
                call()
        finally:
            # SQLite has already rolled back after a full disk
            if self._opened is not None and self._opened.in_transaction:
                self._opened.execute("ROLLBACK")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Transactions in here still succeed or fail one by one, but all reach the disk at the end, with one wait.

        Raises:
            ServiceUnavailable: none of them is written, those that had succeeded neither.
        """
        with self.transaction():
            self._is_together = True
            try:
                yield
            finally:
                self._is_together = False

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        if not self._connection.in_transaction:  # some failures, as of a full disk, make SQLite undo all of it
            raise ServiceUnavailable("The transactions before this one were undone")
        n_afterwards = len(self._afterwards)
        self.write("SAVEPOINT inner")
        try:
            yield
            self.write("RELEASE inner")
        except BaseException:
            del self._afterwards[n_afterwards:]
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO inner")
                self._connection.execute("RELEASE inner")
            raise

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call it when the transaction is done; never, if it fails."""
        self._afterwards.append(call)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            # the low byte of an extended code is the kind of failure
            kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if kind not in DAMAGE and not isinstance(error, sqlite3.OperationalError):
                raise  # a constraint, a wrong parameter: our own mistake
            self.was_away = True
            if kind in DAMAGE:
                raise DatabaseDamaged() from error
            if kind in NO_ROOM:
                raise StorageUnavailable(f"The task database cannot be written: {error}") from error
            raise ServiceUnavailable(f"The task database failed: {error}") from error
