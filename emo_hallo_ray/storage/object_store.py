"""An object store (S3, Google Cloud Storage and whatever else fsspec speaks to) as a place for files.

An object appears whole, as it is put: that is the stores' own promise.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from emo_hallo_ray.errors import InvalidSettings, StorageUnavailable
from emo_hallo_ray.storage.files import atomic_path

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}  # whose libraries this project names
CHANGED = ("LastModified", "mtime")  # what S3 and Google call it


@dataclass(frozen=True)
class StoredObject:
    """What a store says of an object.

    Attributes:
        key: below the store's address.
        changed_at: seconds since the epoch.
    """

    key: str
    size_bytes: int
    changed_at: float


@dataclass(frozen=True)
class ObjectStore:
    """Objects below one address, by keys with forward slashes. Travels between processes; each opens its connections.

    Attributes:
        url: such as s3://bucket/prefix.
        options: of the store's fsspec implementation, such as `endpoint_url`.

    Raises:
        StorageUnavailable: by every method, when the store does not answer or refuses.
    """

    url: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def require_library(self) -> None:
        """Fail now rather than at the first task.

        Raises:
            InvalidSettings: what speaks to such a store is not installed, or nothing does.
        """
        import fsspec

        scheme = self.url.partition("://")[0]
        try:
            fsspec.get_filesystem_class(scheme)
        except (ImportError, ValueError) as error:
            remedy = f"pip install 'emo-hallo-ray[{EXTRAS[scheme]}]'" if scheme in EXTRAS else "use s3:// or gs://"
            raise InvalidSettings(f"Nothing here can speak to '{self.url}': {error}", remedy) from error

    def put(self, path: Path, key: str) -> None:
        """Store a file; it is durable when this returns."""
        with self._trouble(), _place_exists():
            self._files.put_file(str(path), self._address(key))

    def get(self, key: str, path: Path) -> None:
        """Bring one object; it appears whole or not at all.

        Raises:
            FileNotFoundError: there is none.
        """
        with atomic_path(path) as temporary, self._trouble():
            self._files.get_file(self._address(key), str(temporary))

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        with self._trouble():
            return bool(self._files.exists(self._address(key)))

    def names(self, prefix: str) -> list[str]:
        """The next parts of the keys below a prefix, as a folder lists its files and folders."""
        with self._trouble():
            try:
                listed = self._files.ls(self._address(prefix), detail=False)
            except FileNotFoundError:
                return []
        return [PurePosixPath(name).name for name in listed]

    def objects(self, prefix: str) -> list[StoredObject]:
        """All objects below a prefix."""
        with self._trouble():
            found = self._files.find(self._address(prefix), detail=True)
        skipped = len(self._root) + 1
        return [StoredObject(name[skipped:], info["size"], _changed_at(info)) for name, info in found.items()]

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are gone already are no error."""
        if keys:
            with self._trouble():
                try:
                    self._files.rm([self._address(key) for key in keys])
                except FileNotFoundError:  # another replica deletes too
                    return

    def delete_all(self, prefix: str) -> None:
        """Remove all objects below a prefix."""
        self.delete([found.key for found in self.objects(prefix)])

    def check_writable(self, key: str) -> None:
        """Put a small object and take it away again."""
        with self._trouble(), _place_exists():
            self._files.pipe_file(self._address(key), bytes(64))
            self._files.rm_file(self._address(key))

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "options": self.options}  # connections stay in their process

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        # listings that are remembered do not show what other nodes write
        return url_to_fs(self.url, use_listings_cache=False, **self.options)  # type: ignore[no-any-return]

    @property
    def _files(self) -> Any:
        return self._opened[0]

    @property
    def _root(self) -> str:
        return self._opened[1].rstrip("/")

    def _address(self, key: str) -> str:
        return f"{self._root}/{key}"

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        """Whatever a store's library raises says that the store cannot be used, but for what is not there."""
        try:
            yield
        except (FileNotFoundError, StorageUnavailable):
            raise
        except Exception as error:
            raise StorageUnavailable(f"The object store fails: {type(error).__name__}: {error}") from error


@contextmanager
def _place_exists() -> Iterator[None]:
    """While something is written, what is not there is the bucket."""
    try:
        yield
    except FileNotFoundError as error:
        raise StorageUnavailable(f"The object store has no place for files: {error}") from error


def _changed_at(info: Mapping[str, Any]) -> float:
    changed: datetime = next(info[name] for name in CHANGED if name in info)
    return changed.timestamp()
