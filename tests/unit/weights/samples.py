"""Small files with the structure of the real ones."""

import io
import json
import zipfile
from pathlib import PurePosixPath


def make_content(path: str, size_bytes: int = 5000) -> bytes:
    """A whole file of the kind that the name says; configurations are small whatever is asked."""
    filler = bytes(i * 7 % 251 for i in range(size_bytes))
    match PurePosixPath(path).suffix:
        case ".json":
            return json.dumps({"name": path}).encode()
        case ".safetensors":
            tensor = {"dtype": "U8", "shape": [size_bytes], "data_offsets": [0, size_bytes]}
            header = json.dumps({"__metadata__": {"format": "pt"}, "weight": tensor}).encode()
            return len(header).to_bytes(8, "little") + header + filler
        case ".onnx":
            # ModelProto: ir_version (field 1) = 8, then graph (field 7)
            return b"\x08\x08" + b"\x3a" + _varint(size_bytes) + filler
        case _:
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                archive.writestr("archive/data.pkl", filler)
            return buffer.getvalue()


def _varint(number: int) -> bytes:
    groups = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])
