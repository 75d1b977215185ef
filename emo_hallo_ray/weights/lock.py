"""`models.lock.json`: what was downloaded, from which commit, with which checksum. It makes `verify` work offline."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from emo_hallo_ray.errors import UnusableModelFile
from emo_hallo_ray.storage import atomic_path

LOCK_NAME = "models.lock.json"
VERSION = 1


@dataclass(frozen=True)
class LockedFile:
    """One file as it was when it had just been compared with the hub's checksum.

    Attributes:
        commit: the hub repository's; a later download takes the file from there again.
        checked_at: UTC, ISO 8601.
    """

    repository: str
    commit: str
    size_bytes: int
    sha256: str
    checked_at: str


@dataclass(frozen=True)
class Lock:
    """The lock file of a weights root; an empty one where there is none."""

    files: dict[str, LockedFile]

    @classmethod
    def read(cls, root: Path) -> Self:
        """Read it.

        Raises:
            UnusableModelFile: it is not what `write` writes.
        """
        path = root / LOCK_NAME
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls({name: LockedFile(**entry) for name, entry in _entries(content).items()})
        except FileNotFoundError:
            return cls({})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UnusableModelFile(
                f"'{path}' is not a lock file of version {VERSION}: {error}", "delete it"
            ) from error

    def with_file(self, path: str, entry: LockedFile) -> Self:
        """The same with one entry added or replaced."""
        return replace(self, files={**self.files, path: entry})

    def write(self, root: Path) -> None:
        """Put it in its place, whole."""
        content = {"version": VERSION, "files": {name: asdict(self.files[name]) for name in sorted(self.files)}}
        with atomic_path(root / LOCK_NAME) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _entries(content: Any) -> dict[str, Any]:
    if content["version"] != VERSION:
        raise ValueError(f"it says version {content['version']}")
    entries: dict[str, Any] = content["files"]
    return entries
