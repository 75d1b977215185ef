"""Tells a database in use from one that may be rebuilt: its users share a lock that a repair takes for itself."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StoreInUse(Exception):
    """Some process has the database open."""


def share(database: Path) -> int:
    """Hold the lock as one user of many, until the file descriptor that is returned is closed or the process ends."""
    descriptor = _open(database)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


@contextmanager
def exclusive(database: Path) -> Iterator[None]:
    """Hold it alone.

    Raises:
        StoreInUse: others hold it.
    """
    descriptor = _open(database)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreInUse from error
        yield
    finally:
        os.close(descriptor)


def _open(database: Path) -> int:
    return os.open(database.with_name(f"{database.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
