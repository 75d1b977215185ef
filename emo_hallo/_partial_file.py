"""A download in progress: hidden beside its destination, resumable, complete or absent."""

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from emo_hallo._calls import StrPath
from emo_hallo.errors import ApiError, DownloadIncomplete, HalloError, LocalFileError

CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


def require_writable(output_path: StrPath) -> None:
    """Raise `LocalFileError` now if a file could not be put there later."""
    path = Path(output_path)
    if path.is_dir():
        raise LocalFileError(f"cannot write {str(path)!r}: it is a folder", "name a file in it")
    if not os.access(path.parent, os.W_OK):
        raise LocalFileError(f"cannot write {str(path)!r}: no writable folder {str(path.parent)!r}")


class PartialFile:
    """Collects the answers to one or more range requests. Leaving the block without `publish` removes the file."""

    def __init__(self, output_path: StrPath) -> None:
        require_writable(output_path)
        self._final_path = Path(output_path)
        self._path = self._final_path.with_name(f".{self._final_path.name}.{uuid.uuid4().hex[:8]}.part")
        self._size_bytes = 0
        self._furthest_bytes = 0
        self._total_bytes: int | None = None
        self._etag: str | None = None
        self.is_complete = False

    def __enter__(self) -> Self:
        with self._local_errors():
            self._file = self._path.open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # a full disk refuses the last bytes a second time; the first refusal is on its way up
            self._file.close()
        self._path.unlink(missing_ok=True)  # published, it has moved away

    def range_headers(self) -> dict[str, str]:
        """Headers that ask for the missing bytes, and for all of them if the file has changed."""
        if not self._size_bytes:
            return {}
        condition = {"If-Range": self._etag} if self._etag else {}
        return {"Range": f"bytes={self._size_bytes}-", **condition}

    def begin(self, response: httpx.Response) -> None:
        """Look at an answer's headers before its bytes are written."""
        etag = response.headers.get("ETag", "")
        self._etag = etag if etag.startswith('"') else None  # a weak one may not stand in If-Range
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            self._restart()
            length = response.headers.get("Content-Length")
            self._total_bytes = int(length) if length else None
            return
        match = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != self._size_bytes:
            self._restart()
            raise DownloadIncomplete("the service answered with another part of the video than was asked for")
        self._total_bytes = int(match[2])

    def write(self, chunk: bytes) -> bool:
        """Append bytes; return whether the download has never been as far before."""
        with self._local_errors():
            self._file.write(chunk)
        self._size_bytes += len(chunk)
        is_new_ground = self._size_bytes > self._furthest_bytes
        self._furthest_bytes = max(self._furthest_bytes, self._size_bytes)
        return is_new_ground

    def end(self) -> None:
        """Check the length after an answer has ended."""
        if self._total_bytes is not None and self._size_bytes != self._total_bytes:
            detail = f"received {self._size_bytes} of {self._total_bytes} bytes of the video"
            if self._size_bytes > self._total_bytes:
                self._restart()
            raise DownloadIncomplete(detail)
        self.is_complete = True

    def recover(self, error: HalloError) -> HalloError:
        """Prepare for another try; the result is the error to judge by whether there should be one."""
        if self._size_bytes and isinstance(error, ApiError) and error.status_code == 416:
            self._restart()
            return DownloadIncomplete("the service cannot continue the video where it broke off")
        return error

    def publish(self) -> Path:
        """Give the complete file its final name."""
        with self._local_errors():
            self._file.close()
            return self._path.replace(self._final_path)

    def _restart(self) -> None:
        with self._local_errors():
            self._file.seek(0)
            self._file.truncate()
        self._size_bytes = 0

    @contextmanager
    def _local_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LocalFileError(f"cannot write {str(self._final_path)!r}: {error.strerror}") from error
