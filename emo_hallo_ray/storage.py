"""Where a task's files lie. Every file becomes visible whole, by a rename; the paths are the same on every node."""

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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


@dataclass(frozen=True)
class TaskFiles:
    """The folder of one task."""

    folder: Path

    @property
    def image(self) -> Path:
        """The portrait as it was uploaded."""
        return self.folder / "inputs" / "image"

    @property
    def audio(self) -> Path:
        """The recording as it was uploaded."""
        return self.folder / "inputs" / "audio"

    @property
    def manifest(self) -> Path:
        """What was asked for, see `tasks.manifest`."""
        return self.folder / "task.json"

    @property
    def portrait(self) -> Path:
        """What the engine's portrait preparer made of the picture."""
        return self.folder / "prepared" / "portrait.npz"

    @property
    def speech(self) -> Path:
        """The recording as 16 kHz mono WAV."""
        return self.folder / "prepared" / "speech.wav"

    @property
    def loudness(self) -> Path:
        """Figures over the whole recording, see `SpeechTrack`."""
        return self.folder / "prepared" / "loudness.npz"

    @property
    def sound(self) -> Path:
        """The recording as the video will have it: AAC, of the video's length."""
        return self.folder / "prepared" / "sound.m4a"

    @property
    def thumbnail(self) -> Path:
        """A small JPEG of the portrait, and of the first frame once there is one."""
        return self.folder / "thumbnail.jpg"

    def segment(self, name: str) -> Path:
        """Video of one segment, without sound."""
        return self.folder / "segments" / name

    def checkpoint(self, name: str) -> Path:
        """What the generator needs to go on after a segment."""
        return (self.folder / "checkpoints" / name).with_suffix(".npz")

    def enlarging(self, name: str) -> Path:
        """What super-resolution needs to go on after a segment."""
        return (self.folder / "checkpoints" / name).with_suffix(".enlarging.npz")

    @property
    def encoder(self) -> Path:
        """Which encoder writes this task's segments."""
        return self.folder / "segments" / "encoder.json"

    def drop_checkpoints(self, before: int) -> None:
        """Remove those of the segments before this one, whatever attempt they are of."""
        for path in (self.folder / "checkpoints").glob("[0-9]*.npz"):
            if int(path.stem.split("-")[0]) < before:
                path.unlink(missing_ok=True)

    def result(self, fence: int) -> Path:
        """The finished video of one attempt."""
        return self.folder / f"result-{fence}.mp4"

    def make_folders(self) -> None:
        """Create what is missing.

        Raises:
            StorageUnavailable: the disk is full or cannot be written.
        """
        with disk_trouble():
            for name in ("inputs", "prepared", "segments", "checkpoints"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)

    def has_scratch(self) -> bool:
        """Whether there is anything for `delete_scratch`, or at least its folders."""
        return (self.folder / "prepared").exists()

    def delete_scratch(self, fence: int | None) -> None:
        """Remove what only a running task needs.

        Args:
            fence: of the attempt whose video is the result; those of other attempts go too.
        """
        for name in ("prepared", "segments", "checkpoints"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for path in self.folder.glob(".*"):  # what a process left that was killed
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        for path in self.folder.glob("result-*.mp4"):
            if fence is None or path != self.result(fence):
                path.unlink(missing_ok=True)

    def size_bytes(self) -> int:
        """What all of it takes on the disk."""
        return sum(status.st_blocks * 512 for status in _statuses_under(self.folder))

    def last_change(self) -> float:
        """When something in it was last written, in seconds since the epoch; 0 if there is nothing."""
        return max((status.st_mtime for status in _statuses_under(self.folder)), default=0.0)

    def sync_inputs(self) -> None:
        """Wait until both uploads are on the disk.

        Raises:
            StorageUnavailable: the disk refused.
        """
        with disk_trouble():
            for path in (self.image, self.audio, self.image.parent):
                _sync(path)

    def delete(self) -> None:
        """Remove everything of this task."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Storage:
    """Everything under the storage root."""

    root: Path

    @property
    def database(self) -> Path:
        """The task registry's SQLite file."""
        return self.root / "tasks.sqlite"

    @property
    def cache(self) -> Path:
        """Folder of reusable preprocessing results."""
        return self.root / "cache"

    def task(self, task_id: str) -> TaskFiles:
        """The files of one task. The id must be a UUID, so that it can never be a path."""
        return TaskFiles(self.root / "tasks" / str(uuid.UUID(task_id)))

    def task_folders(self) -> list[Path]:
        """The folders of all tasks, and of uploads that are not tasks yet."""
        folder = self.root / "tasks"
        return [path for path in folder.iterdir() if _is_uuid(path.name)] if folder.exists() else []

    def check_writable(self, min_free_bytes: int = 0) -> None:
        """Write a little and take it away again.

        Raises:
            StorageUnavailable: that failed, or less than so much would stay free.
        """
        with disk_trouble():
            self.root.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.root).free
            if free < min_free_bytes:
                raise StorageUnavailable(f"The storage has {free // 2**20} MB left, too little for another task")
            probe = self.root / f".probe-{uuid.uuid4().hex}"
            try:
                probe.write_bytes(bytes(4096))
            finally:
                probe.unlink(missing_ok=True)


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
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
        finally:
            # a read-only disk refuses this too, and then the first refusal is what counts
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk: the database must never name what a power cut took."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _statuses_under(folder: Path) -> Iterator[os.stat_result]:
    """Of the folder and all in it."""
    for path in (folder, *folder.rglob("*")):
        with suppress(FileNotFoundError):  # files come and go while a task runs
            yield path.stat()


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
