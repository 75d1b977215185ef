"""Where a task's files lie. Every file becomes visible whole, by a rename; the paths are the same on every node."""

import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
        """Create what is missing."""
        for name in ("inputs", "prepared", "segments", "checkpoints"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

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


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary neighbour of `path` to write to; it takes the name when the block ends well.

    The temporary name keeps the suffix, since tools choose formats by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
