"""The storage of a service as a whole."""

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from emo_hallo_ray.errors import StorageUnavailable
from emo_hallo_ray.settings import StorageSettings
from emo_hallo_ray.storage.files import disk_trouble
from emo_hallo_ray.storage.object_store import ObjectStore
from emo_hallo_ray.storage.task_files import TaskFiles


@dataclass(frozen=True)
class Storage:
    """Everything under the storage root.

    Attributes:
        root: folder that all nodes share or, with a store, of each node's own; "~" is then that node's.
        store: where files are kept, if not in the folder.
        database_path: of the task registry, where it is not in the folder.
    """

    root: Path
    store: ObjectStore | None = None
    database_path: Path | None = None

    @classmethod
    def of(cls, settings: StorageSettings) -> "Storage":
        """As configured.

        Raises:
            InvalidSettings: the library that speaks to such a store is not installed.
        """
        if settings.url is None:
            return cls(settings.folder, None, settings.database)
        store = ObjectStore(settings.url, settings.options)
        store.require_library()
        return cls(settings.folder, store, settings.database)

    @property
    def folder(self) -> Path:
        """The root as this node and user have it."""
        return self.root.expanduser()

    @property
    def database(self) -> Path:
        """The task registry's SQLite file, as the head names it: a "~" is the head's."""
        return self.database_path or self.root / "tasks.sqlite"

    @property
    def cache(self) -> Path:
        """Folder of reusable preprocessing results; with an object store each node has its own."""
        return self.root / "cache"

    def task(self, task_id: str) -> TaskFiles:
        """The files of one task. The id must be a UUID, so that it can never be a path."""
        return TaskFiles(self.folder / "tasks" / str(uuid.UUID(task_id)), self.store)

    def task_ids(self) -> list[str]:
        """Of all tasks that have files, and of uploads that are not tasks yet."""
        folder = self.folder / "tasks"
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
        if self.store is not None:
            names.update(self.store.names("tasks"))
        return sorted(name for name in names if _is_uuid(name))

    def check_room(self, min_free_bytes: int = 0) -> None:
        """Write a little on this node's disk and take it away again.

        Raises:
            StorageUnavailable: that failed, or less than so much would stay free.
        """
        with disk_trouble():
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
            if free < min_free_bytes:
                raise StorageUnavailable(f"The storage has {free // 2**20} MB left, too little for another task")
            probe = self.folder / f".probe-{uuid.uuid4().hex}"
            try:
                probe.write_bytes(bytes(4096))
            finally:
                probe.unlink(missing_ok=True)

    def check_writable(self) -> None:
        """The same, and in the object store where there is one.

        Raises:
            StorageUnavailable: that failed.
        """
        self.check_room()
        if self.store is not None:
            self.store.check_writable(f"probe-{uuid.uuid4().hex}")


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
