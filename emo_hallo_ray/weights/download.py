"""Fetch model files so that each appears under its name whole, with the hub's checksum, or not at all."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from emo_hallo_ray.errors import UnusableModelFile
from emo_hallo_ray.weights import hub
from emo_hallo_ray.weights.checksum import sha256_of
from emo_hallo_ray.weights.errors import DownloadFailed, NotEnoughDisk
from emo_hallo_ray.weights.layout import partial_files, partial_path
from emo_hallo_ray.weights.lock import Lock, LockedFile
from emo_hallo_ray.weights.manifest import ModelFile
from emo_hallo_ray.weights.structure import find_damage

Report = Callable[[str], None]

MARGIN_BYTES = 256 * 1024**2  # a disk filled to its last byte fails other programs
FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
BUSY_NAME = ".downloading"  # locked while a download runs; empty


def download(files: Iterable[ModelFile], root: Path, endpoint: str | None, report: Report) -> None:
    """Bring files below the root, from where an earlier attempt stopped, and write down their checksums.

    Files that are there and right are not fetched again. One that is there and wrong is replaced; if somebody else
    put it there, it is kept beside the new one, with `.replaced` after its name.

    Args:
        endpoint: address of a mirror; None for the hub itself.
        report: told in one line what becomes of each file.

    Raises:
        NotEnoughDisk: before anything is fetched, or when the disk fills while something is.
        DownloadFailed: the hub did not deliver.
        UnusableModelFile: what it delivered has another checksum than it said; that file is deleted.
    """
    root.mkdir(parents=True, exist_ok=True)
    with _sole_download(root), _full_disk_reported(root):
        transfers = [_plan(file, root, endpoint, report) for file in files]
        wanted = [transfer for transfer in transfers if transfer is not None]
        _require_disk(wanted, root)
        for transfer in wanted:
            _carry_out(transfer, root, endpoint, report)


def free_bytes(folder: Path) -> int:
    """Space that is left for this user where a folder is."""
    return shutil.disk_usage(folder).free


@dataclass(frozen=True)
class _Transfer:
    file: ModelFile
    remote: hub.HubFile
    destination: Path

    @property
    def partial(self) -> Path:
        return partial_path(self.destination, self.remote.checksum.value)

    @property
    def missing_bytes(self) -> int:
        arrived_bytes = self.partial.stat().st_size if self.partial.exists() else 0
        return max(self.remote.size_bytes - arrived_bytes, 0)


def _plan(file: ModelFile, root: Path, endpoint: str | None, report: Report) -> _Transfer | None:
    """The transfer that a file needs; None if what is there will do."""
    destination, found, entry = file.candidates(root)[0], file.find(root), Lock.read(root).files.get(file.path)
    if found is not None and found != destination and find_damage(found) is None:
        report(f"{file.path}: '{found.name}' is there and will do")
        return None
    if found is not None and entry is not None and sha256_of(found) == entry.sha256:
        report(f"{file.path}: is there")
        return None
    is_same_source = entry is not None and entry.repository == file.source.repository
    revision = entry.commit if entry is not None and is_same_source else file.source.revision
    remote = hub.locate(file.source, revision, endpoint)
    if found is not None and remote.checksum.of(found) == remote.checksum.value:
        _write_down(file, found, remote, root)
        report(f"{file.path}: is there, and is the hub's")
        return None
    return _Transfer(file, remote, destination)


def _require_disk(transfers: Sequence[_Transfer], root: Path) -> None:
    missing_bytes = sum(transfer.missing_bytes for transfer in transfers)
    left_bytes = free_bytes(root)
    if missing_bytes and left_bytes < missing_bytes + MARGIN_BYTES:
        raise NotEnoughDisk(
            f"{_gb(missing_bytes)} are to be fetched and {_gb(MARGIN_BYTES)} kept free, "
            f"but '{root}' has only {_gb(left_bytes)} free",
            "free some, or choose another folder with --root or EMO_HALLO_WEIGHTS__ROOT",
        )


def _carry_out(transfer: _Transfer, root: Path, endpoint: str | None, report: Report) -> None:
    file, partial = transfer.file, transfer.partial
    _drop_useless_partials(transfer, root)
    verb = "going on with" if partial.exists() else "fetching"
    report(f"{file.path}: {verb} {_gb(transfer.missing_bytes)} of {_gb(transfer.remote.size_bytes)}")
    hub.fetch(transfer.remote, partial, endpoint)
    _require_checksum(transfer)
    _flush(partial)
    _keep_strangers_file(transfer, root, report)
    partial.replace(transfer.destination)
    _write_down(file, transfer.destination, transfer.remote, root)


def _drop_useless_partials(transfer: _Transfer, root: Path) -> None:
    for path in partial_files(transfer.file, root):
        if path != transfer.partial or path.stat().st_size > transfer.remote.size_bytes:
            path.unlink()


def _require_checksum(transfer: _Transfer) -> None:
    checksum = transfer.remote.checksum
    found = checksum.of(transfer.partial)
    if found != checksum.value:
        transfer.partial.unlink()
        raise UnusableModelFile(
            f"'{transfer.file.path}' arrived wrong and was deleted: {checksum.kind} {checksum.value} expected, "
            f"{found} found",
            "run the same command again; if HF_ENDPOINT names a mirror, try another",
        )


def _flush(path: Path) -> None:
    """Wait until the bytes are on the disk: the rename that follows must not outlive them in a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _keep_strangers_file(transfer: _Transfer, root: Path, report: Report) -> None:
    """Spare what we did not fetch, which may be somebody's own training."""
    destination = transfer.destination
    is_strangers = transfer.file.path not in Lock.read(root).files
    if is_strangers and transfer.file.find(root) == destination:
        kept = destination.replace(destination.with_name(f"{destination.name}.replaced"))
        report(f"{transfer.file.path}: the file that was there is not the hub's; it is kept as '{kept.name}'")


def _write_down(file: ModelFile, path: Path, remote: hub.HubFile, root: Path) -> None:
    checksum = remote.checksum
    sha256 = checksum.value if checksum.kind == "sha256" else sha256_of(path)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = LockedFile(remote.source.repository, remote.commit, remote.size_bytes, sha256, now)
    Lock.read(root).with_file(file.path, entry).write(root)


@contextmanager
def _sole_download(root: Path) -> Iterator[None]:
    """Two downloads would append to the same partial files."""
    with (root / BUSY_NAME).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DownloadFailed(f"another download into '{root}' is running", "wait for its end") from error
        yield


@contextmanager
def _full_disk_reported(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        raise NotEnoughDisk(
            f"the disk of '{root}' is full ({error.strerror}); {_gb(free_bytes(root))} are free",
            "free some and run the same command again: what arrived is kept",
        ) from error


def _gb(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 5e6 else f"{n_bytes / 1e3:.0f} kB"
