"""A real disk of a few megabytes that can be filled and made read-only."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

SIZE_MB = 48


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount one at `folder`; skips the test where mounting is not allowed."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(folder)]
    if (result := _run(command)).returncode:
        pytest.skip(f"needs the right to mount a small disk: {result.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        _run(["umount", "--lazy", str(folder)])


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Nothing can be written until the block ends."""
    filler = disk / "filler"
    try:
        with filler.open("wb", buffering=0) as file, suppress(OSError):  # which is the point
            while True:
                file.write(bytes(4096))
        yield
    finally:
        filler.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """What is under `folder` can be read and not written until the block ends."""
    _run(["mount", "--bind", str(folder), str(folder)], check=True)
    try:
        _run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield
    finally:
        _run(["umount", "--lazy", str(folder)], check=True)


def _run(command: list[str], check: bool = False) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, capture_output=True, check=check)
