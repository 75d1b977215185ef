"""ISO base media boxes (ISO/IEC 14496-12): enough to take an MP4 apart and to write what a stream is made of."""

from collections.abc import Iterator
from pathlib import Path

HEADER_BYTES = 8


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box with this content."""
    content = b"".join(parts)
    return (HEADER_BYTES + len(content)).to_bytes(4) + kind + content


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box whose content begins with a version and 24 flags."""
    return box(kind, version.to_bytes(1), flags.to_bytes(3), *parts)


def uint32(*values: int) -> bytes:
    """Big-endian, as all numbers of the format."""
    return b"".join(value.to_bytes(4) for value in values)


def children(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each box in the content of another.

    Raises:
        ValueError: it is cut short.
    """
    at = 0
    while at < len(content):
        size = int.from_bytes(content[at : at + 4])
        if size < HEADER_BYTES or at + size > len(content):
            raise ValueError("a box is cut short")
        yield content[at + 4 : at + 8], content[at + HEADER_BYTES : at + size]
        at += size


def find(content: bytes, *path: bytes) -> bytes:
    """Content of the first box at a path, such as `mdia`, `minf`, `stbl`.

    Raises:
        ValueError: there is none.
    """
    for kind in path:
        found = next((inner for name, inner in children(content) if name == kind), None)
        if found is None:
            raise ValueError(f"there is no {kind.decode('latin1')} box")
        content = found
    return content


def read_top_level(path: Path, *kinds: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of a file's outermost boxes of these kinds; the others are not read.

    Raises:
        ValueError: the file ends within a box.
    """
    with path.open("rb") as file:
        while header := file.read(HEADER_BYTES):
            size, n_header = int.from_bytes(header[:4]), HEADER_BYTES
            if size == 1:  # one of over 4 GB
                size, n_header = int.from_bytes(file.read(8)), 16
            if header[4:] in kinds:
                content = file.read(size - n_header)
                if size < n_header or len(content) < size - n_header:
                    raise ValueError(f"{path.name} ends within a box")
                yield header[4:], content
            else:
                file.seek(size - n_header, 1)
