"""Weights from an object store: each node of a cluster fetches what its stages need, once."""

import fcntl
import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emo_hallo_ray.errors import UnusableModelFile
from emo_hallo_ray.storage.object_store import ObjectStore
from emo_hallo_ray.weights.checksum import sha256_of
from emo_hallo_ray.weights.lock import LOCK_NAME, Lock
from emo_hallo_ray.weights.manifest import ModelFile

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeightsSource:
    """A weights folder, laid out as on a disk, in an object store.

    Attributes:
        keys: of what is in it, looked at once: whoever adds files deploys again.
    """

    store: ObjectStore
    keys: frozenset[str]

    @classmethod
    def at(cls, store: ObjectStore) -> "WeightsSource":
        """Look at what is there.

        Raises:
            InvalidSettings: the library that speaks to such a store is not installed.
            StorageUnavailable: the store does not answer.
        """
        store.require_library()
        return cls(store, frozenset(found.key for found in store.objects("") if found.size_bytes))

    def name_of(self, file: ModelFile) -> str | None:
        """The key of a file, under whichever of its names it is there."""
        names = (path.as_posix() for path in file.candidates(Path()))
        return next((name for name in names if name in self.keys), None)

    def provide(self, root: Path, files: Iterable[ModelFile]) -> None:
        """Bring those of the files that this node lacks and the store has. Replicas that want the same one wait for it.

        Raises:
            UnusableModelFile: it arrived with another checksum than `models.lock.json` in the store says.
            StorageUnavailable: the store does not answer, or the disk is full.
        """
        for file in files:
            name = self.name_of(file)
            if name is None or file.find(root) is not None:
                continue
            with _one_at_a_time(root / name):
                if file.find(root) is None:
                    self._bring(name, file, root)

    def _bring(self, name: str, file: ModelFile, root: Path) -> None:
        log.info("fetching %s from %s", name, self.store.url)
        arrived = (root / name).with_name(f".{Path(name).name}.arrived")
        self.store.get(name, arrived)
        expected = self._checksum(file) if name == file.path else None
        if expected is not None and (found := sha256_of(arrived)) != expected:
            arrived.unlink()
            raise UnusableModelFile(
                f"{name} arrived wrong: SHA-256 {expected} expected, {found} found", f"put it anew to {self.store.url}"
            )
        arrived.replace(root / name)

    def _checksum(self, file: ModelFile) -> str | None:
        """What the store's own lock file says, if it has one."""
        if LOCK_NAME not in self.keys:
            return None
        with tempfile.TemporaryDirectory() as folder:
            self.store.get(LOCK_NAME, Path(folder) / LOCK_NAME)
            entry = Lock.read(Path(folder)).files.get(file.path)
        return entry.sha256 if entry else None


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Wait for other processes of this node that want the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
