"""Files on a disk: each becomes visible whole, by a rename."""

import errno
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.errors import StorageUnavailable

# what a disk says when nothing is wrong with the file that was to be written
DISK_TROUBLE = {
    errno.ENOSPC: "The storage is full",
    errno.EDQUOT: "The storage is full",
    errno.EROFS: "The storage is read-only",
    errno.EIO: "The storage fails",
}


@contextmanager
def disk_trouble() -> Iterator[None]:
    """Raise the disk's own failures as `StorageUnavailable`; others pass as they are."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_TROUBLE:
            raise
        raise StorageUnavailable(DISK_TROUBLE[error.errno]) from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary neighbour of `path` to write to; it takes the name, and is on disk, when the block ends well.

    The temporary name keeps the suffix, since tools choose formats by it; its leading dot tells the retention what a
    process left that was killed meanwhile.

    Raises:
        StorageUnavailable: the disk is full or cannot be written.
    """
    with disk_trouble():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}{path.suffix}")
        try:
            yield temporary
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        finally:
            # a read-only disk refuses this too, and then the first refusal is what counts
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk: the database must never name what a power cut took."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def save_arrays(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write named arrays so that the file is there whole or not at all."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """Read what `save_arrays` wrote."""
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def save_json(path: Path, value: Any) -> None:
    """Write JSON so that the file is there whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def load_json(path: Path) -> Any:
    """Read what `save_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))
