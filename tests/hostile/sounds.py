"""Sounds that are wrong."""

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from emo_hallo_ray.media.ffmpeg import file_url, run

Files = Iterator[tuple[str, bytes]]
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
ENCODINGS = {
    "speech.wav": ("wav", "pcm_s16le"),
    "float.wav": ("wav", "pcm_f32le"),
    "speech.mp3": ("mp3", "libmp3lame"),
    "vorbis.ogg": ("ogg", "libvorbis"),
    "opus.ogg": ("ogg", "libopus"),
    "speech.m4a": ("ipod", "aac"),
}


def good(speech: Path, folder: Path) -> dict[str, bytes]:
    """Two seconds of the sample recording in the accepted formats."""
    made = {}
    for name, (kind, codec) in ENCODINGS.items():
        target = folder / name
        run(["-t", "2", "-i", file_url(speech), "-c:a", codec, "-f", kind, file_url(target)], 60)
        made[name] = target.read_bytes()
    return made


def wav(
    data: bytes = b"\x10\x27\xf0\xd8" * 16_000,
    kind: int = PCM,
    channels: int = 1,
    rate: int = 16_000,
    bits: int = 16,
    align: int | None = None,
    riff_size: int | None = None,
    data_size: int | None = None,
    extra: bytes = b"",
) -> bytes:
    align = channels * bits // 8 if align is None else align
    fmt = struct.pack("<HHIIHH", kind, channels & 0xFFFF, rate, rate * align % 2**32, align & 0xFFFF, bits) + extra
    data_size = len(data) if data_size is None else data_size
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", data_size) + data
    return b"RIFF" + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


def damaged(good_sounds: dict[str, bytes], dice: random.Random) -> Files:
    """Bodies of noise and holes, structure that contradicts itself."""
    for name, content in good_sounds.items():
        yield f"{name}-signature", b"\0\0\0\0" + content[4:] if not name.endswith("mp3") else b"\0" * 8 + content[8:40]
        if name.endswith(".wav"):
            continue  # noise in its body is sound
        head = len(content) // 20
        yield f"{name}-noise", content[:head] + dice.randbytes(len(content) - head)
        holes = bytearray(content)
        start = len(holes) // 10
        holes[start : start + int(len(holes) * 0.85)] = bytes(int(len(holes) * 0.85))
        yield f"{name}-hole", bytes(holes)
        yield f"{name}-head-only", content[:48]
    m4a = good_sounds["speech.m4a"]
    for atom in (b"moov", b"trak", b"stbl", b"stsd"):
        at = m4a.index(atom)
        yield f"m4a-without-{atom.decode()}", m4a[:at] + b"evil" + m4a[at + 4 :]
        yield f"m4a-{atom.decode()}-of-nothing", m4a[: at - 4] + b"\0\0\0\1" + m4a[at:]


def absurd_headers() -> Files:
    """WAV headers that cannot be."""
    for channels in (0, 255, 65_535):
        yield f"{channels}-channels.wav", wav(channels=channels, align=2)
    for rate in (0, 1, 99, 2_000_000, 4_294_967_295):
        yield f"{rate}-hertz.wav", wav(rate=rate)
    for bits in (0, 255, 65_535):
        yield f"{bits}-bits.wav", wav(bits=bits, align=2)
    for kind in (0, 2, 0x2001, 0x1234, 0x00FF):
        yield f"codec-{kind:#x}.wav", wav(kind=kind, data=b"\x81\x01" * 1000, bits=4 if kind == 2 else 16, align=0)
    yield "extensible-nonsense.wav", wav(kind=EXTENSIBLE, extra=struct.pack("<HHI", 22, 16, 4) + b"\xaa" * 16)
    yield "extensible-short.wav", wav(kind=EXTENSIBLE, extra=b"\x02\0")
    yield "no-data-chunk.wav", wav()[:36]
    yield "format-cut.wav", b"RIFF\x20\0\0\0WAVEfmt \x10\0\0\0\1\0"
    yield "format-missing.wav", b"RIFF\x20\0\0\0WAVEdata\x10\0\0\0" + bytes(16)
    yield "data-before-format.wav", b"RIFF\xff\0\0\0WAVEdata\x08\0\0\0" + bytes(8)
    yield "format-of-4-gigabytes.wav", b"RIFF\x20\0\0\0WAVEfmt \xff\xff\xff\xff" + bytes(100)
    yield "chunk-of-4-gigabytes.wav", b"RIFF\x20\0\0\0WAVELIST\xf0\xff\xff\xff" + bytes(100)
    yield "data-longer-than-the-file.wav", wav(data=bytes([9, 9]) * 800, data_size=2**31)
    yield "empty-data.wav", wav(data=b"")
    yield "rf64-lies.wav", b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<IQQQI", 28, 2**63, 2**63, 2**62, 2**32 - 1)
    yield "list-only.wav", b"RIFF\x20\0\0\0WAVELIST\x10\0\0\0INFO" + bytes(12)


def absurd_samples() -> Files:
    """Numbers that are none, and sound that is none."""
    second = np.sin(np.arange(16_000, dtype=np.float32) * 0.1) * 0.5
    for name, value in (("nan", np.nan), ("inf", np.inf), ("minus-inf", -np.inf), ("huge", 1e30), ("twenty", 20.0)):
        for where in (0, 8_000, 15_999):
            samples = second.copy()
            samples[where] = value
            yield f"{name}-at-{where}.wav", wav(samples.tobytes(), FLOAT, bits=32)
    yield "all-nan.wav", wav(np.full(16_000, np.nan, np.float32).tobytes(), FLOAT, bits=32)
    yield "all-nan-64.wav", wav(np.full(16_000, np.nan).tobytes(), FLOAT, bits=64)
    yield "denormal.wav", wav(np.full(16_000, 1e-40, np.float32).tobytes(), FLOAT, bits=32)
    yield "silent.wav", wav(bytes(32_000))
    yield "nearly-silent.wav", wav(np.ones(16_000, np.int16).tobytes())
    yield "one-sample.wav", wav(b"\x10\x27")
    yield "half-a-sample.wav", wav(b"\x10")
    yield "50-ms.wav", wav(b"\x10\x27\xf0\xd8" * 400)
    yield "hours-of-nothing.wav", wav(bytes(1_000_000), rate=8, bits=8, align=1)


def absurd_containers(good_sounds: dict[str, bytes]) -> Files:
    """Tables that lie, tracks that are none, data that lie elsewhere."""
    m4a = good_sounds["speech.m4a"]
    for table in (b"stsz", b"stts", b"stsc"):
        at = m4a.index(table)
        for name, count in (("huge", 2**32 - 1), ("large", 2**28), ("none", 0)):
            place = at + (12 if table == b"stsz" else 8)
            yield f"{table.decode()}-{name}.m4a", m4a[:place] + struct.pack(">I", count) + m4a[place + 4 :]
    at = m4a.index(b"stco")
    yield "offsets-outside.m4a", m4a[: at + 12] + b"\xff\xff\xff\xf0" * 2 + m4a[at + 20 :]
    yield "brand-only.m4a", b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42"
    yield "sound-only.m4a", b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42" + b"\0\1\0\0mdat" + bytes(65_528)
    nested = b""
    for _ in range(500):
        nested = struct.pack(">I", len(nested) + 8) + b"moov" + nested
    yield "moov-in-moov.m4a", b"\0\0\0\x14ftypM4A \0\0\0\0M4A " + nested
    ogg = good_sounds["vorbis.ogg"]
    yield "no-pages.ogg", b"OggS\0\2" + bytes(20)
    yield "pages-of-noise.ogg", ogg[:28] + b"OggS\0" + b"\xff" * 5000
    yield "unknown-codec.ogg", ogg.replace(b"vorbis", b"evilxx")
    yield "checksums.ogg", _every_page_damaged(ogg)
    yield "skeleton-only.ogg", b"OggS\0\2" + bytes(8) + b"\1\0\0\0" + bytes(8) + b"\1\x10fishead\0" + bytes(9)
    yield "tag-of-256-megabytes.mp3", b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(5000)
    yield "tags-only.mp3", (b"ID3\4\0\0\0\0\0\x0a" + bytes(10)) * 100
    yield "one-frame.mp3", good_sounds["speech.mp3"][-200:]
    yield "sync-words.mp3", b"\xff\xfb\x90\x00" * 5000
    yield "sync-and-noise.mp3", b"\xff\xfb\x90\x64" + random.Random(3).randbytes(20_000)
    yield "free-format.mp3", b"\xff\xfb\x00\x00" * 5000


def _every_page_damaged(ogg: bytes) -> bytes:
    """Wrong checksums on all pages: a reader must drop each of them."""
    body = bytearray(ogg)
    at = ogg.find(b"OggS")
    while at >= 0:
        body[at + 22 : at + 26] = b"\xde\xad\xbe\xef"
        at = ogg.find(b"OggS", at + 4)
    return bytes(body)


def playlists() -> Files:
    """Files that name others, here and elsewhere."""
    for name, place in (
        ("file", "file:///etc/passwd"),
        ("web", "http://127.0.0.1:1/x"),
        ("cloud", "http://169.254.169.254/"),
    ):
        yield f"{name}.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{place}\n#EXT-X-ENDLIST\n".encode()
        yield f"{name}.m3u", f"{place}\n".encode()
        yield f"{name}.ffconcat", f"ffconcat version 1.0\nfile '{place}'\n".encode()
        yield f"{name}.pls", f"[playlist]\nFile1={place}\nNumberOfEntries=1\n".encode()
        yield f"{name}.asx", f'<asx version="3.0"><entry><ref href="{place}"/></entry></asx>'.encode()
        yield (
            f"{name}.xspf",
            f'<?xml version="1.0"?><playlist><track><location>{place}</location></track></playlist>'.encode(),
        )
        yield f"{name}.mpd", f'<?xml version="1.0"?><MPD><BaseURL>{place}</BaseURL></MPD>'.encode()
        yield f"{name}.sdp", f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\na=control:{place}\nm=audio 9 RTP/AVP 0\n".encode()
        yield f"{name}.avs", f'DirectShowSource("{place}")'.encode()
        yield f"{name}.smil", f'<smil><body><audio src="{place}"/></body></smil>'.encode()
        yield f"{name}-hls-in-wav", b"RIFF\0\0\0\0WAVE#EXTM3U\n" + place.encode()


def strangers(good_images: dict[str, bytes]) -> Files:
    """Other formats, and pictures."""
    signatures = {
        "flac": b"fLaC\0\0\0\x22" + bytes(200),
        "aiff": b"FORM\0\0\1\0AIFFCOMM" + bytes(200),
        "amr": b"#!AMR\n" + b"\x3c" * 200,
        "wma": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(200),
        "midi": b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk" + bytes(100),
        "au": b".snd\0\0\0\x18" + bytes(200),
        "webm": b"\x1a\x45\xdf\xa3" + bytes(200),
        "avi": b"RIFF\x20\0\0\0AVI LIST" + bytes(200),
        "caf": b"caff\0\1\0\0desc" + bytes(200),
        "aac": b"\xff\xf1\x50\x80" + bytes(200),
        "voc": b"Creative Voice File\x1a" + bytes(200),
        "gzip": b"\x1f\x8b\x08\0" + bytes(200),
        "zip": b"PK\x03\x04" + bytes(200),
        "elf": b"\x7fELF" + bytes(200),
        "pdf": b"%PDF-1.4\n" + bytes(200),
        "html": b"<html><audio src=x onerror=alert(1)>",
        "json": b'{"url": "http://127.0.0.1/"}',
        "text": b"hello\n" * 100,
        "zeros": bytes(100_000),
        "ones": b"\xff" * 100_000,
        "empty": b"",
        "one-byte": b"R",
    }
    yield from ((name, content) for name, content in signatures.items())
    yield "picture.jpg", good_images["baseline.jpg"]
    yield "picture.png", good_images["rgb.png"]
    yield "heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)
    yield "riff-that-goes-on-as.jpg", b"RIFF\0\1\0\0WAVE" + good_images["baseline.jpg"]
    yield "id3-in-front-of-a-picture", b"ID3\3\0\0\0\0\0\0" + good_images["rgb.png"]
