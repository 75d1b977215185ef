"""Checksums as the hub gives them: SHA-256 for large files, git's blob hash for small ones."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Checksum:
    """What the hub says a file hashes to."""

    kind: Literal["sha256", "git-sha1"]
    value: str

    @classmethod
    def from_etag(cls, etag: str | None) -> Self | None:
        """Read the hub's ETag, which is one of the two; None for anything else."""
        if etag is None or not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", etag):
            return None
        return cls("sha256" if len(etag) == 64 else "git-sha1", etag)

    def of(self, path: Path) -> str:
        """What a local file hashes to, in the same kind."""
        return sha256_of(path) if self.kind == "sha256" else git_sha1_of(path)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_sha1_of(path: Path) -> str:
    """The id that git gives a file's content, as `git hash-object` prints it."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
