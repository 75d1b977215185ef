"""The files of one task, by name.

With a shared folder a file is where its name says, on every node. With an object store each node has copies below a
folder of its own: `fetch` before reading, `keep` after writing. Files never change under their name (attempts have
numbers of their own), so a copy that is there is right; the thumbnail alone is written twice.
"""

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from emo_hallo_ray.storage.files import disk_trouble, sync
from emo_hallo_ray.storage.object_store import ObjectStore

SCRATCH = ("prepared", "segments", "checkpoints")
# after so long without use a node drops its copies of a task's files: twice what a stage may take by default
COPIES_IDLE_S = 7_200.0
N_TRANSFERS = 16  # at a time


@dataclass(frozen=True)
class TaskFiles:
    """The folder of one task.

    Attributes:
        store: where the files are kept, if the folder holds copies only; keys are `tasks/ID/…`.
    """

    folder: Path
    store: ObjectStore | None = None

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

    def result(self, fence: int) -> Path:
        """The finished video of one attempt."""
        return self.folder / f"result-{fence}.mp4"

    def make_folders(self) -> None:
        """Create what is missing.

        Raises:
            StorageUnavailable: the disk is full or cannot be written.
        """
        with disk_trouble():
            self._make_room()
            for name in ("inputs", *SCRATCH):
                (self.folder / name).mkdir(parents=True, exist_ok=True)

    # between nodes

    def fetch(self, path: Path, anew: bool = False) -> Path:
        """See to it that a file can be read here, and return its path.

        Args:
            anew: what is here may be old.

        Raises:
            FileNotFoundError: there is no such file.
            StorageUnavailable: it cannot be brought.
        """
        if self.store is not None:
            if anew or not path.exists():
                self._make_room()
                self.store.get(self._key(path), path)
            self._note_use()
        elif not path.exists():
            raise FileNotFoundError(path)
        return path

    def fetch_all(self, paths: Iterable[Path]) -> list[Path]:
        """The same for many files, several at a time."""
        wanted = list(paths)
        if self.store is None:
            return [self.fetch(path) for path in wanted]
        with ThreadPoolExecutor(N_TRANSFERS) as pool:
            return list(pool.map(self.fetch, wanted))

    def keep(self, *paths: Path) -> None:
        """Put files that were written here where every node reaches them; they outlive this node when this returns.

        Raises:
            StorageUnavailable: they cannot be put there.
        """
        if self.store is not None:
            for path in paths:
                self.store.put(path, self._key(path))
            self._note_use()

    def has(self, path: Path) -> bool:
        """Whether there is such a file, here or in the store."""
        return path.exists() or (self.store is not None and self.store.exists(self._key(path)))

    def names(self, folder: str) -> set[str]:
        """The names of the files in one of this folder's folders."""
        if self.store is not None:
            return set(self.store.names(self._key(self.folder / folder)))
        path = self.folder / folder
        return {entry.name for entry in path.iterdir()} if path.exists() else set()

    # cleaning up

    def drop_checkpoints(self, before: int) -> None:
        """Remove those of the segments before this one, whatever attempt they are of."""
        old = [name for name in self.names("checkpoints") if name[:1].isdigit() and int(name.split("-")[0]) < before]
        for name in old:
            (self.folder / "checkpoints" / name).unlink(missing_ok=True)
        if self.store is not None:
            self.store.delete([self._key(self.folder / "checkpoints" / name) for name in old])

    def has_scratch(self) -> bool:
        """Whether there is anything for `delete_scratch`, or at least its folders."""
        return (self.folder / "prepared").exists() or bool(self.store and self.names("prepared"))

    def delete_scratch(self, fence: int | None) -> None:
        """Remove what only a running task needs.

        Args:
            fence: of the attempt whose video is the result; those of other attempts go too.
        """
        for name in SCRATCH:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for path in self.folder.glob(".*"):  # what a process left that was killed
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        for path in self.folder.glob("result-*.mp4"):
            if self._is_stale(path.name, fence):
                path.unlink(missing_ok=True)
        if self.store is not None:
            stale = [name for name in self.store.names(self._key(self.folder)) if self._is_stale(name, fence)]
            for name in SCRATCH:
                self.store.delete_all(self._key(self.folder / name))
            self.store.delete([self._key(self.folder / name) for name in stale])

    def size_bytes(self) -> int:
        """What all of it takes, on the disk or in the store."""
        if self.store is not None:
            return sum(found.size_bytes for found in self.store.objects(self._key(self.folder)))
        return sum(status.st_blocks * 512 for status in _statuses_under(self.folder))

    def last_change(self) -> float:
        """When something in it was last written, in seconds since the epoch; 0 if there is nothing."""
        times = [status.st_mtime for status in _statuses_under(self.folder)]
        if self.store is not None:
            times += [found.changed_at for found in self.store.objects(self._key(self.folder))]
        return max(times, default=0.0)

    def sync_inputs(self) -> None:
        """Wait until both uploads are where they outlast a power cut.

        Raises:
            StorageUnavailable: the disk or the store refused.
        """
        if self.store is not None:
            self.keep(self.image, self.audio)
            return
        with disk_trouble():
            for path in (self.image, self.audio, self.image.parent):
                sync(path)

    def delete(self) -> None:
        """Remove everything of this task; copies on other nodes go when they have not been used for a while."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.store is not None:
            self.store.delete_all(self._key(self.folder))

    def _key(self, path: Path) -> str:
        return path.relative_to(self.folder.parent.parent).as_posix()

    def _is_stale(self, name: str, fence: int | None) -> bool:
        is_result = name.startswith("result-") and name.endswith(".mp4")
        return is_result and (fence is None or name != self.result(fence).name)

    def _note_use(self) -> None:
        with suppress(FileNotFoundError):  # a task that was deleted meanwhile
            os.utime(self.folder)

    def _make_room(self) -> None:
        """Before the first copy of another task: drop those of tasks that nobody asks for any more."""
        if self.store is None or self.folder.exists() or not self.folder.parent.exists():
            return
        for folder in self.folder.parent.iterdir():
            with suppress(FileNotFoundError):
                if folder.stat().st_mtime < time.time() - COPIES_IDLE_S:
                    shutil.rmtree(folder, ignore_errors=True)


def _statuses_under(folder: Path) -> Iterator[os.stat_result]:
    """Of the folder and all in it."""
    for path in (folder, *folder.rglob("*")):
        with suppress(FileNotFoundError):  # files come and go while a task runs
            yield path.stat()
