"""Where a task's files lie: in a folder that every node reaches, or in an object store with copies on each node."""

from emo_hallo_ray.storage.files import (
    atomic_path,
    disk_trouble,
    load_arrays,
    load_json,
    save_arrays,
    save_json,
)
from emo_hallo_ray.storage.object_store import ObjectStore
from emo_hallo_ray.storage.root import Storage
from emo_hallo_ray.storage.task_files import TaskFiles

__all__ = [
    "ObjectStore",
    "Storage",
    "TaskFiles",
    "atomic_path",
    "disk_trouble",
    "load_arrays",
    "load_json",
    "save_arrays",
    "save_json",
]
