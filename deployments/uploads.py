"""Multipart uploads straight to storage: each piece is written as it arrives, nothing waits in memory."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from emo_hallo_ray.errors import EmptyFile, InvalidParameter, UploadTimedOut, UploadTooLarge

MAX_FIELD_BYTES = 16 * 1024
MAX_PARTS = 32


@dataclass
class Upload:
    """What a request contained: text fields, and the SHA-256 of each file."""

    fields: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def digest(self) -> str:
        """Of the whole request: equal for equal files and fields, in any order."""
        content = repr((sorted(self.fields.items()), sorted(self.digests.items())))
        return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True)
class UploadLimits:
    """How large and how slow an upload may be."""

    max_bytes: int
    idle_s: float = 30.0  # between two pieces
    total_s: float = 1_800.0


async def receive_upload(
    headers: Mapping[str, str],
    body: AsyncIterator[bytes],
    destinations: Mapping[str, Path],
    limits: UploadLimits,
    needs_all: bool = True,
) -> Upload:
    """Read a `multipart/form-data` body, writing each file part to the destination of its name.

    Args:
        needs_all: every destination must get a file; else one of them will do.

    Raises:
        UploadTooLarge: by its Content-Length before a byte is read, or by what really came.
        UploadTimedOut: it paused for too long, or took too long altogether.
        EmptyFile, InvalidParameter: a file is missing or empty, or the form is broken.
    """
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limits.max_bytes:
        raise _too_large(limits.max_bytes)
    receiver = _Receiver(_boundary(headers.get("content-type", "")), destinations)
    received = 0
    try:
        async for chunk in _in_time(body, limits):
            received += len(chunk)
            if received > limits.max_bytes:
                raise _too_large(limits.max_bytes)
            receiver.feed(chunk)
        return receiver.finish(needs_all)
    except FormParserError as error:
        raise InvalidParameter("The multipart form is malformed", "send it as curl -F or requests files= do") from error
    finally:
        receiver.close()


async def _in_time(body: AsyncIterator[bytes], limits: UploadLimits) -> AsyncIterator[bytes]:
    """The same pieces, as long as they come in time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + limits.total_s
    while True:
        try:
            async with asyncio.timeout_at(min(end, loop.time() + limits.idle_s)):
                chunk = await anext(body, None)
        except TimeoutError:
            if loop.time() >= end:
                raise UploadTimedOut(f"The upload took longer than {limits.total_s:g} s") from None
            raise UploadTimedOut(f"The upload paused for {limits.idle_s:g} s", "send it again") from None
        if chunk is None:
            return
        yield chunk


def _too_large(max_bytes: int) -> UploadTooLarge:
    return UploadTooLarge(f"The upload is larger than the limit of {max_bytes / 1024**2:g} MB")


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise InvalidParameter(
            f"Content-Type is '{content_type[:80]}'", "send multipart/form-data with image_file and audio_file"
        )
    return options[b"boundary"]


class _Receiver:
    """Callbacks of the incremental parser, a part at a time."""

    def __init__(self, boundary: bytes, destinations: Mapping[str, Path]) -> None:
        self._destinations = destinations
        self._upload = Upload()
        self._complete = False
        self._n_parts = 0
        self._name = ""
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._text = b""
        self._header_name = b""
        self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        callbacks: Any = {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_header_name,
            "on_header_value": self._add_header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open_part,
            "on_part_data": self._add_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise InvalidParameter("The boundary of the multipart form is too long", "at most 256 bytes") from error

    def feed(self, chunk: bytes) -> None:
        self._parser.write(chunk)

    def finish(self, needs_all: bool) -> Upload:
        self._parser.finalize()
        if not self._complete:
            raise InvalidParameter("The upload broke off before the end of the form", "send it again")
        missing = [name for name in self._destinations if name not in self._upload.digests]
        if missing and (needs_all or not self._upload.digests):
            raise InvalidParameter(f"Missing file: {', '.join(missing)}", "image_file and audio_file are required")
        return self._upload

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin_part(self) -> None:
        self._n_parts += 1
        if self._n_parts > MAX_PARTS:
            raise InvalidParameter(f"The form has more than {MAX_PARTS} parts")
        self._headers = {}

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _open_part(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode(errors="replace")
        if self._name in self._upload.digests or self._name in self._upload.fields:
            raise InvalidParameter(f"'{self._name}' was sent twice")
        if self._name in self._destinations:
            self._file = self._destinations[self._name].open("wb")
            self._hash = hashlib.sha256()
        elif b"filename" in options:
            raise InvalidParameter(f"'{self._name}' is not a known file field", "image_file and audio_file are")
        self._text = b""

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        piece = memoryview(data)[start:end]
        if self._file is not None:
            self._file.write(piece)
            self._hash.update(piece)
            return
        self._text += piece
        if len(self._text) > MAX_FIELD_BYTES:
            raise InvalidParameter(f"'{self._name}' is longer than {MAX_FIELD_BYTES} bytes")

    def _end_part(self) -> None:
        if self._file is None:
            self._upload.fields[self._name] = self._text.decode(errors="replace")
            return
        is_empty = self._file.tell() == 0
        self.close()
        if is_empty:
            raise EmptyFile(f"'{self._name}' is empty")
        self._upload.digests[self._name] = self._hash.hexdigest()

    def _end(self) -> None:
        self._complete = True
