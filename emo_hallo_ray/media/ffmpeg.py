"""Runs ffmpeg: finds it, confines it to local files, limits its time and memory, and turns its failures into ours."""

import shutil
import subprocess
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

import imageio_ffmpeg

from emo_hallo_ray.errors import MediaToolFailed, StorageUnavailable
from emo_hallo_ray.redaction import without_folders

GLOBAL_OPTIONS = (
    *("-hide_banner", "-nostdin", "-y", "-loglevel", "error"),
    # bytes in one allocation: a few lying header fields can ask for gigabytes of index
    *("-max_alloc", str(512 * 1024 * 1024)),
)
# in front of each input: a file that points elsewhere, as playlists do, finds nothing but local files
INPUT_OPTIONS = ("-protocol_whitelist", "file,pipe")
STDERR_TAIL_BYTES = 2048


def run(args: Sequence[str], timeout_s: float, stdin: Iterable[bytes | memoryview] | None = None) -> bytes:
    """Run ffmpeg to its end.

    Args:
        args: everything after the program's name; files are named by `file_url`.
        timeout_s: from the start, including the time that `stdin` takes to produce its blocks.
        stdin: written to `pipe:0` block by block, so that memory does not grow with the whole.

    Returns:
        What it wrote to `pipe:1`.

    Raises:
        MediaToolFailed: with the end of what ffmpeg said. Its cause is a `TimeoutError` where ffmpeg was too slow.
    """
    with _running(args, timeout_s, with_stdin=stdin is not None) as process:
        assert process.stdout is not None
        written = _Drain(process.stdout)
        if stdin is not None and process.stdin is not None:
            _feed(process.stdin, stdin)
        return written.result()


def stream(args: Sequence[str], timeout_s: float, block_bytes: int) -> Generator[bytes]:
    """Yield what ffmpeg writes to `pipe:1` as it comes, in blocks of `block_bytes`; the last may be shorter.

    Closing the iterator stops ffmpeg. Raises what `run` raises, after the last block.
    """
    with _running(args, timeout_s, with_stdin=False) as process:
        assert process.stdout is not None
        with process.stdout:
            while block := process.stdout.read(block_bytes):
                yield block


def file_url(path: Path) -> str:
    """Name a file so that no character in the name means anything to ffmpeg."""
    return f"file:{path.absolute()}"


def resampler(rate_hz: int) -> str:
    """The filter for rate and channels. By default ffmpeg adds channels of floats up without scaling, and 5.1 clips."""
    return f"aresample={rate_hz}:rematrix_maxval=1"


def timed_out(error: MediaToolFailed) -> bool:
    """Whether the machine was too slow, which says nothing about the file."""
    return isinstance(error.__cause__, TimeoutError)


@cache
def ffmpeg_path() -> str:
    """The system's ffmpeg if it can encode H.264 and AAC, otherwise the one that imageio-ffmpeg brings."""
    system = shutil.which("ffmpeg")
    if system is not None and _encodes_h264_and_aac(system):
        return system
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise MediaToolFailed("there is no ffmpeg on this machine", "install ffmpeg or imageio-ffmpeg") from error


def _encodes_h264_and_aac(program: str) -> bool:
    try:
        listing = subprocess.run([program, "-hide_banner", "-encoders"], capture_output=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):  # a broken installation is as good as none
        return False
    return {b"libx264", b"aac"} <= set(listing.stdout.split())


@contextmanager
def _running(args: Sequence[str], timeout_s: float, *, with_stdin: bool) -> Iterator[subprocess.Popen[bytes]]:
    """A started ffmpeg whose output the block reads to its end. It is gone when the block is left, by whichever way."""
    process = subprocess.Popen(
        [ffmpeg_path(), *GLOBAL_OPTIONS, *_confined(args)],
        stdin=subprocess.PIPE if with_stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    complaints = _Drain(process.stderr, keep_bytes=STDERR_TAIL_BYTES)
    deadline = _Deadline(process, timeout_s)
    try:
        yield process
        process.wait()
    finally:
        deadline.cancel()
        process.kill()
        process.wait()
        said = complaints.result()
    if process.returncode == 0:
        return
    if b"No space left on device" in said or b"Read-only file system" in said:
        raise StorageUnavailable("The storage is full or read-only")
    if deadline.passed:
        raise MediaToolFailed(f"ffmpeg did not finish within {timeout_s:g} s") from TimeoutError(timeout_s)
    raise MediaToolFailed(f"ffmpeg failed: {_without_folders(said, args) or process.returncode}")


def _confined(args: Sequence[str]) -> Iterator[str]:
    for arg in args:
        if arg == "-i":
            yield from INPUT_OPTIONS
        yield arg


def _without_folders(said: bytes, args: Sequence[str]) -> str:
    """Its messages end up with users, whom the server's folders do not concern."""
    text = said.decode(errors="replace").strip()
    for arg in args:
        if arg.startswith("file:"):
            text = text.replace(arg, Path(arg).name)
    return without_folders(text)  # of files that a list names, which are no arguments


def _feed(pipe: IO[bytes], blocks: Iterable[bytes | memoryview]) -> None:
    """Write until the blocks or ffmpeg's interest end; its exit status tells whether the latter is an error."""
    try:
        for block in blocks:
            try:
                pipe.write(block)
            except BrokenPipeError:
                break
    finally:
        with suppress(BrokenPipeError):
            pipe.close()


class _Drain(threading.Thread):
    """Reads a pipe to its end in the background, so that ffmpeg never waits for us; keeps all of it or its end."""

    def __init__(self, pipe: IO[bytes], keep_bytes: int | None = None) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._keep_bytes = keep_bytes
        self._kept = bytearray()
        self.start()

    def run(self) -> None:
        with self._pipe:
            while block := self._pipe.read(64 * 1024):
                self._kept += block
                if self._keep_bytes is not None:
                    del self._kept[: -self._keep_bytes]

    def result(self) -> bytes:
        self.join()
        return bytes(self._kept)


class _Deadline:
    """Kills a process that runs for too long; whoever waits for its pipes then sees them end."""

    def __init__(self, process: subprocess.Popen[bytes], timeout_s: float) -> None:
        self.passed = False
        self._process = process
        self._timer = threading.Timer(timeout_s, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        self._timer.cancel()

    def _expire(self) -> None:
        self.passed = True
        self._process.kill()
