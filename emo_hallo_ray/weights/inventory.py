"""What is there: a quick look for the table, and a thorough one, checksums included. Both work offline."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from emo_hallo_ray.weights.checksum import sha256_of
from emo_hallo_ray.weights.layout import partial_files
from emo_hallo_ray.weights.lock import Lock, LockedFile
from emo_hallo_ray.weights.manifest import ModelFile
from emo_hallo_ray.weights.structure import find_damage


class State(StrEnum):
    """What a look at names and sizes tells."""

    PRESENT = "present"  # with the size that was written down when its checksum was right
    NOT_VERIFIED = "not verified"  # there, but nothing is known to compare it with
    DAMAGED = "damaged"
    PARTIAL = "partial"
    MISSING = "missing"


def state_of(file: ModelFile, root: Path, lock: Lock) -> State:
    """Look at a file without reading it."""
    found, entry = file.find(root), _entry_for(file, root, lock)
    if found is None:
        return State.PARTIAL if partial_files(file, root) else State.MISSING
    if entry is None:
        return State.NOT_VERIFIED
    return State.PRESENT if found.stat().st_size == entry.size_bytes else State.DAMAGED


@dataclass(frozen=True)
class Finding:
    """What a thorough look at one file found.

    Attributes:
        remedy: a command that mends it or, where nothing is wrong, that tells more; empty if there is nothing to do.
    """

    file: ModelFile
    ok: bool
    detail: str
    remedy: str = ""


def verify(file: ModelFile, root: Path, lock: Lock) -> Finding:
    """Read a file from beginning to end and compare it with what is known of it."""
    remedy = f"emo-hallo models download {file.path}"
    found, entry = file.find(root), _entry_for(file, root, lock)
    if found is None:
        state = "only begun" if partial_files(file, root) else "missing"
        return Finding(file, False, state if file.is_required else f"{state}, but optional", remedy)
    damage = _find_difference(found, entry) if entry is not None else _find_oddity(found, file)
    if damage is not None:
        return Finding(file, False, damage, remedy)
    if entry is not None:
        return Finding(file, True, "size and SHA-256 are right")
    if found != file.candidates(root)[0]:  # the hub has another container, so it cannot tell either
        return Finding(file, True, f"as '{found.name}', whole by its structure; no checksum is known")
    return Finding(file, True, "whole by its structure; no checksum is known here", remedy)


def _entry_for(file: ModelFile, root: Path, lock: Lock) -> LockedFile | None:
    """The lock's entry, where the file that would be used is the one it speaks of."""
    return lock.files.get(file.path) if file.find(root) == file.candidates(root)[0] else None


def _find_difference(path: Path, entry: LockedFile) -> str | None:
    size_bytes = path.stat().st_size
    if size_bytes != entry.size_bytes:
        return f"{size_bytes} bytes found, {entry.size_bytes} expected"
    sha256 = sha256_of(path)
    return None if sha256 == entry.sha256 else f"SHA-256 {sha256} found, {entry.sha256} expected"


def _find_oddity(path: Path, file: ModelFile) -> str | None:
    damage = find_damage(path)
    if damage is not None:
        return damage
    size_bytes = path.stat().st_size
    # half, because the figure is approximate and mirrors carry weights in other containers
    is_far_too_small = size_bytes < file.approximate_bytes / 2
    return f"has {size_bytes} bytes, about {file.approximate_bytes} expected" if is_far_too_small else None
