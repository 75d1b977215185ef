"""Tells a database in use from one that may be rebuilt: its users share a lock that a repair takes for itself."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


class StoreInUse(Exception):
    """Some process has the database open."""


def share(database: Path) -> IO[bytes]:
    """Hold the lock as one user of many, until the file that is returned is closed or the process ends."""
    file = _lock_file(database)
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


@contextmanager
def exclusive(database: Path) -> Iterator[None]:
    """Hold it alone.

    Raises:
        StoreInUse: others hold it.
    """
    with _lock_file(database) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreInUse from error
        yield


def _lock_file(database: Path) -> IO[bytes]:
    return database.with_name(f"{database.name}.lock").open("ab")
