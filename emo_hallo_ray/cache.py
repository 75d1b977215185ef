"""Preprocessing results by content hash: bounded, safe under concurrent writers, and safe to evict from at any time.

An entry is one file. It is handed out as a hard link, so that dropping it never takes it from a task that uses it; that
works because nobody changes a file in place (see `storage.atomic_path`).
"""

import contextlib
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from emo_hallo_ray.storage import atomic_path


@dataclass(frozen=True)
class PreprocessingCache:
    """A folder of reusable results.

    Attributes:
        folder: may begin with "~", which each node reads as its own.
        max_bytes: after each `store` the least recently used entries go until the rest fits.
    """

    folder: Path
    max_bytes: int

    def fetch(self, key: str, destination: Path) -> bool:
        """Put the entry at `destination`; False when there is none."""
        entry = self._place(key, destination)
        try:
            os.utime(entry)
            with atomic_path(destination) as temporary:
                _link(entry, temporary)
        except FileNotFoundError:
            return False
        return True

    def store(self, key: str, source: Path) -> None:
        """Keep a file under this key; equal keys mean equal content, so the last writer wins harmlessly."""
        with atomic_path(self._place(key, source)) as temporary:
            _link(source, temporary)
            os.utime(temporary)
        self._evict()

    def _place(self, key: str, file: Path) -> Path:
        return self.folder.expanduser() / (key + file.suffix)

    def _evict(self) -> None:
        entries = []
        for path in self.folder.expanduser().iterdir():
            with contextlib.suppress(FileNotFoundError):  # another writer evicts too
                status = path.stat()
                entries.append((status.st_mtime_ns, status.st_size, path))
        excess = sum(size for _, size, _ in entries) - self.max_bytes
        for _, size, path in sorted(entries):
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= size


def content_key(path: Path, *context: object) -> str:
    """Hash of a file's content together with all else that its result depends on (versions, settings)."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(repr(context).encode())
    return digest.hexdigest()


def _link(source: Path, destination: Path) -> None:
    try:
        os.link(source, destination)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, destination)
