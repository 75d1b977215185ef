"""Whether a model file is complete, judged by its own structure: for files whose checksum nobody knows here.

It catches what happens in practice: transfers cut short, git-lfs pointers, and error pages saved under a model's name.
"""

import json
import os
import zipfile
from pathlib import Path
from typing import BinaryIO

POINTER_START = b"version https://git-lfs"
PICKLE_START = b"\x80"
# what the parsers below raise when fed something else; OverflowError and OSError from seeking to a nonsensical place
UNEXPECTED = (
    *(ValueError, TypeError, AttributeError, LookupError, EOFError, OverflowError, OSError),
    *(zipfile.BadZipFile, NotImplementedError),
)


def find_damage(path: Path) -> str | None:
    """What is wrong with a file, in words that follow its name; None if nothing can be seen."""
    with path.open("rb") as file:
        if file.read(len(POINTER_START)) == POINTER_START:
            return "is a git-lfs pointer, not the file itself"
        file.seek(0)
        check = _CHECKS[path.suffix]
        try:
            return check(file, path.stat().st_size)
        except UNEXPECTED as error:
            return f"is cut short or no {path.suffix} file: {error}"


def _check_json(file: BinaryIO, size_bytes: int) -> str | None:
    json.load(file)
    return None


def _check_safetensors(file: BinaryIO, size_bytes: int) -> str | None:
    header_bytes = int.from_bytes(_read(file, 8), "little")
    if header_bytes > size_bytes:
        return "is no safetensors file: its header would be longer than the file"
    header = json.loads(_read(file, header_bytes))
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    expected_bytes = 8 + header_bytes + max(ends, default=0)
    return None if size_bytes == expected_bytes else f"has {size_bytes} bytes where its header says {expected_bytes}"


def _check_pytorch(file: BinaryIO, size_bytes: int) -> str | None:
    if file.read(1) == PICKLE_START:
        return None  # before PyTorch 1.6: a bare pickle, which says nothing about its length
    with zipfile.ZipFile(file) as archive:  # the directory is at the end, so a shortened archive has none
        archive.infolist()
    return None


def _check_onnx(file: BinaryIO, size_bytes: int) -> str | None:
    """Walk the outermost protobuf fields; the last has to end where the file does."""
    while file.tell() < size_bytes:
        tag = _read_varint(file)
        if tag >> 3 == 0:
            return "is no ONNX file: it has a field 0"
        match tag & 7:  # the wire type: number, 8 bytes, counted bytes, 4 bytes; 3 and 4 are long out of use
            case 0:
                _read_varint(file)
            case 1:
                file.seek(8, os.SEEK_CUR)
            case 2:
                n_bytes = _read_varint(file)
                file.seek(n_bytes, os.SEEK_CUR)
            case 5:
                file.seek(4, os.SEEK_CUR)
            case other:
                return f"is no ONNX file: it has a field of type {other}"
    return None if file.tell() == size_bytes else f"has {size_bytes} bytes where its structure says {file.tell()}"


def _read_varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = _read(file, 1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
    raise ValueError("a number in it does not end")


def _read(file: BinaryIO, n_bytes: int) -> bytes:
    data = file.read(n_bytes)
    if len(data) < n_bytes:
        raise EOFError("it ends too early")
    return data


_CHECKS = {
    ".json": _check_json,
    ".safetensors": _check_safetensors,
    ".pth": _check_pytorch,
    ".bin": _check_pytorch,
    ".onnx": _check_onnx,
}
