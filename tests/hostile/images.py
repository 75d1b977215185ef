"""Pictures that are wrong."""

import io
import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"
Files = Iterator[tuple[str, bytes]]


def good(portrait: Path) -> dict[str, bytes]:
    """The sample portrait in the variants of both formats."""
    picture = Image.open(portrait).convert("RGB")
    variants = {
        "baseline.jpg": (picture, "JPEG", {"quality": 85}),
        "progressive.jpg": (picture, "JPEG", {"progressive": True}),
        "grey.jpg": (picture.convert("L"), "JPEG", {}),
        "rgb.png": (picture, "PNG", {}),
        "palette.png": (picture.quantize(64), "PNG", {}),
        "alpha.png": (picture.convert("RGBA"), "PNG", {}),
    }
    made = {}
    for name, (image, kind, options) in variants.items():
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        made[name] = buffer.getvalue()
    return made


def chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png(width: int, height: int, depth: int = 8, colour: int = 2, data: bytes = b"", *extra: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return PNG + header + b"".join(extra) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def zeros(n_bytes: int) -> bytes:
    """So many zeros, compressed to a thousandth, in no time: the same compressed block over and over."""
    packer = zlib.compressobj(9)
    first, again = (packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    n_blocks, rest = divmod(n_bytes, 2**20)
    end = packer.compress(bytes(rest)) + packer.flush()
    checksum = struct.pack(">I", (n_bytes % 65521) << 16 | 1)  # Adler-32 of zeros
    return first + again * (n_blocks - 1) + end[:-4] + checksum


def damaged(good_images: dict[str, bytes], dice: random.Random) -> Files:
    """Structure that contradicts itself, and bodies that are mostly noise."""
    for name, content in good_images.items():
        yield f"{name}-signature", bytes([content[0] ^ 1]) + content[1:]
        head = len(content) // 10
        yield f"{name}-noise", content[:head] + dice.randbytes(len(content) - head)
        if name.endswith(".png"):
            quarter = len(content) // 4
            yield f"{name}-hole", content[:quarter] + bytes(2 * quarter) + content[3 * quarter :]
            at = content.index(b"IDAT")
            yield f"{name}-crc", content[: at + 40] + bytes([content[at + 40] ^ 0x10]) + content[at + 41 :]
            yield f"{name}-length", content[: at - 4] + struct.pack(">I", 2**31 - 1) + content[at:]
            yield f"{name}-order", PNG + content[at - 4 :] + content[8 : at - 4]
            yield f"{name}-no-data", content[: at - 4] + chunk(b"IEND", b"")
        else:
            at = content.index(b"\xff\xc4")  # the first Huffman table
            yield f"{name}-huffman", content[: at + 5] + b"\xff" * 16 + content[at + 21 :]
            at = content.index(b"\xff\xdb")
            yield f"{name}-tables", content[:at] + content[at + 2 + struct.unpack(">H", content[at + 2 : at + 4])[0] :]
            yield f"{name}-segment", content[:2] + b"\xff\xe1\xff\xff" + content[2:200]


def absurd_headers(good_images: dict[str, bytes]) -> Files:
    """Sizes and kinds that cannot be."""
    pixels = zlib.compress(bytes(1000))
    for width, height in ((0, 0), (0, 100), (100, 0), (2**31 - 1, 2**31 - 1), (2**32 - 1, 1), (65_536, 65_536)):
        yield f"{width}x{height}.png", png(width, height, data=pixels)
    for depth, colour in ((0, 2), (3, 2), (16, 3), (8, 1), (8, 5), (8, 7), (255, 255)):
        yield f"depth-{depth}-colour-{colour}.png", png(100, 100, depth, colour, pixels)
    yield "palette-missing.png", png(100, 100, 8, 3, pixels)
    yield "header-twice.png", png(100, 100, 8, 2, pixels, chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 8, 2, 0, 0, 0)))
    yield "header-short.png", PNG + chunk(b"IHDR", b"\0\0\0\1") + chunk(b"IEND", b"")
    yield "header-missing.png", PNG + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    yield "unknown-critical.png", png(100, 100, 8, 2, pixels, chunk(b"EVIL", b"?"))
    jpeg = good_images["baseline.jpg"]
    at = jpeg.index(b"\xff\xc0")
    for width, height in ((0, 0), (0, 100), (65_535, 65_535), (65_500, 60_000), (1, 65_535)):
        yield f"{width}x{height}.jpg", jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]
    for channels in (0, 2, 5, 255):
        yield f"{channels}-channels.jpg", jpeg[: at + 9] + bytes([channels]) + jpeg[at + 10 :]
    yield "precision-0.jpg", jpeg[: at + 4] + b"\0" + jpeg[at + 5 :]
    yield "lossless.jpg", jpeg[:at] + b"\xff\xc3" + jpeg[at + 2 :]
    yield "arithmetic.jpg", jpeg[:at] + b"\xff\xcb" + jpeg[at + 2 :]
    yield "only-markers.jpg", b"\xff\xd8" + b"\xff\xff" * 5000 + b"\xff\xd9"
    yield "start-and-end.jpg", b"\xff\xd8\xff\xd9"


def shapes() -> Files:
    """Pictures that decode and show nobody."""
    for width, height in ((1, 1), (2, 2), (1, 2), (30_000, 1), (1, 30_000), (3, 1000), (16, 16), (64, 64)):
        for kind in ("PNG", "JPEG"):
            buffer = io.BytesIO()
            Image.new("RGB", (width, height), (200, 150, 120)).save(buffer, kind)
            yield f"{width}x{height}.{kind.lower()}", buffer.getvalue()
    noise = np.random.default_rng(1).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    for name, pixels in (("noise", noise), ("stripes", np.kron(noise[:8, :8], np.ones((64, 64, 1), np.uint8)))):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        yield f"{name}.png", buffer.getvalue()


def bombs() -> Files:
    """Small files that want much memory or time."""
    yield "30000x30000.png", png(30_000, 30_000, data=zeros(2**24))
    yield "20000x20000-1bit.png", png(20_000, 20_000, 1, 0, zeros(20_000 * 2501))
    yield "4096x4096-of-zeros.png", png(4_096, 4_096, 8, 2, zeros(4_096 * 12_289))
    yield "4096x4096-rgba.png", png(4_096, 4_096, 8, 6, zeros(4_096 * 16_385))
    yield "7000x7000-rgba.png", png(7_000, 7_000, 8, 6, zeros(7_000 * 28_001))
    yield "7000x7000-16bit.png", png(7_000, 7_000, 16, 6, zeros(7_000 * 56_001))
    yield "idat-of-a-gigabyte.png", png(10, 10, 8, 2, zeros(2**30))
    pixels = zlib.compress(bytes(1000))
    yield "text-of-a-gigabyte.png", png(10, 10, 8, 2, pixels, chunk(b"zTXt", b"k\0\0" + zeros(2**30)))
    yield "itext-of-a-gigabyte.png", png(10, 10, 8, 2, pixels, chunk(b"iTXt", b"k\0\1\0\0\0" + zeros(2**30)))
    yield "profile-of-a-gigabyte.png", png(10, 10, 8, 2, pixels, chunk(b"iCCP", b"k\0\0" + zeros(2**30)))
    yield (
        "10000-texts.png",
        png(10, 10, 8, 2, pixels, *[chunk(b"tEXt", b"k\0" + bytes([65 + i % 26])) for i in range(10_000)]),
    )
    buffer = io.BytesIO()
    Image.new("RGB", (4000, 4000)).save(buffer, "JPEG", progressive=True)
    jpeg = buffer.getvalue()
    scan = jpeg[jpeg.index(b"\xff\xda") : -2]
    last = scan[scan.rindex(b"\xff\xda") :]
    yield "2000-scans.jpg", jpeg[:-2] + last * 2000 + b"\xff\xd9"


def strangers(good_images: dict[str, bytes], good_sounds: dict[str, bytes]) -> Files:
    """Other formats, two formats at once, and things that point elsewhere."""
    for kind in ("GIF", "BMP", "TIFF", "WEBP", "ICO", "PPM", "TGA", "PCX", "SGI"):
        buffer = io.BytesIO()
        Image.new("RGB", (64, 64)).save(buffer, kind)
        yield f"picture.{kind.lower()}", buffer.getvalue()
    yield "drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://169.254.169.254/"/></svg>'
    yield "entity.svg", b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>'
    yield "laughs.svg", b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><svg>&b;</svg>'
    yield "script.ps", b"%!PS\n(/etc/passwd) (r) file 1000 string readstring\n"
    yield "vector.mvg", b"push graphic-context\nfill 'url(https://127.0.0.1/x.jpg\"|id\")'\npop graphic-context"
    yield "page.html", b"<html><script>alert(1)</script>"
    yield "archive.zip", b"PK\x03\x04" + bytes(200)
    yield "program.elf", b"\x7fELF" + bytes(200)
    yield "document.pdf", b"%PDF-1.4\n" + bytes(200)
    yield "text.txt", b"not a picture at all\n" * 20
    yield "gif-that-goes-on-as.jpg", b"GIF89a" + good_images["baseline.jpg"]
    yield "html-that-goes-on-as.png", b"<!--" + good_images["rgb.png"] + b"-->"
    yield "png-signature-on-a-jpeg", PNG + good_images["baseline.jpg"]
    yield "jpeg-signature-on-a-png", b"\xff\xd8\xff" + good_images["rgb.png"]
    yield "empty", b""
    yield "one-byte", b"\xff"
    yield "zeros", bytes(100_000)
    for name in ("wav", "mp3", "vorbis.ogg", "m4a"):
        yield f"sound.{name}", next(v for k, v in good_sounds.items() if k.endswith(name))
