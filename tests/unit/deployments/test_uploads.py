"""Streaming multipart uploads: what arrives, what is refused, what stays in memory."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Iterable
from hashlib import sha256
from pathlib import Path

import pytest

from deployments.uploads import Upload, UploadLimits, receive_upload
from emo_hallo_ray.errors import EmptyFile, InvalidParameter, UploadTimedOut, UploadTooLarge

BOUNDARY = "----edge"
IMAGE = b"\xff\xd8image" * 1000
AUDIO = b"RIFFaudio\r\n--not-the-edge\r\n" * 500


def file_part(name: str, content: bytes, filename: str = "x.bin") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'
    return head.encode() + content + b"\r\n"


def field_part(name: str, text: str) -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()


END = f"--{BOUNDARY}--\r\n".encode()
FORM = file_part("image_file", IMAGE) + file_part("audio_file", AUDIO) + field_part("use_cache", "true") + END


def receive(
    folder: Path,
    chunks: Iterable[bytes],
    max_bytes: int = 10**9,
    content_type: str = f"multipart/form-data; boundary={BOUNDARY}",
    content_length: str | None = None,
) -> Upload:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    headers = {"content-type": content_type} | ({"content-length": content_length} if content_length else {})
    destinations = {"image_file": folder / "image", "audio_file": folder / "audio"}
    return asyncio.run(receive_upload(headers, body(), destinations, UploadLimits(max_bytes)))


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_files_and_fields_arrive_whole_however_the_body_is_cut(tmp_path: Path, size: int) -> None:
    upload = receive(tmp_path, [FORM[i : i + size] for i in range(0, len(FORM), size)])

    assert (tmp_path / "image").read_bytes() == IMAGE
    assert (tmp_path / "audio").read_bytes() == AUDIO
    assert upload.fields == {"use_cache": "true"}
    assert upload.digests["audio_file"] == sha256(AUDIO).hexdigest()


def test_equal_requests_have_equal_digests_in_any_order(tmp_path: Path) -> None:
    other = file_part("audio_file", AUDIO) + field_part("use_cache", "true") + file_part("image_file", IMAGE) + END
    changed = FORM.replace(b"true", b"false")

    assert receive(tmp_path, [FORM]).digest() == receive(tmp_path, [other]).digest()
    assert receive(tmp_path, [FORM]).digest() != receive(tmp_path, [changed]).digest()


def test_a_declared_size_over_the_limit_is_refused_before_a_byte_is_read(tmp_path: Path) -> None:
    def explode() -> Iterable[bytes]:
        raise AssertionError("the body was read")
        yield b""

    with pytest.raises(UploadTooLarge, match="limit of 1 MB"):
        receive(tmp_path, explode(), max_bytes=1024**2, content_length=str(1024**2 + 1))


def test_a_body_without_length_is_counted(tmp_path: Path) -> None:
    with pytest.raises(UploadTooLarge):
        receive(tmp_path, [FORM], max_bytes=1000)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (file_part("image_file", IMAGE) + END, "Missing file: audio_file"),
        (END, "Missing file: image_file, audio_file"),
        (FORM[:-40], "broke off"),
        (FORM[:2000], "broke off"),
        (file_part("picture", IMAGE) + END, "'picture' is not a known file field"),
        (file_part("image_file", IMAGE) * 2 + END, "sent twice"),
        (field_part("use_cache", "x" * 20_000) + END, "longer than"),
        (field_part("f", "x") + b"".join(field_part(f"f{i}", "x") for i in range(40)) + END, "more than 32 parts"),
        (b"this is no form at all", "malformed"),
    ],
    ids=["no audio", "nothing", "no end", "cut file", "unknown file", "twice", "long field", "many parts", "garbage"],
)
def test_a_broken_form_is_refused_with_its_reason(tmp_path: Path, form: bytes, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        receive(tmp_path, [form])


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", "", "multipart/mixed; boundary=x"])
def test_another_content_type_is_refused(tmp_path: Path, content_type: str) -> None:
    with pytest.raises(InvalidParameter, match="Content-Type"):
        receive(tmp_path, [FORM], content_type=content_type)


def test_an_absurd_boundary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="boundary"):
        receive(tmp_path, [FORM], content_type=f"multipart/form-data; boundary={'x' * 5000}")


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmptyFile, match="audio_file"):
        receive(tmp_path, [file_part("image_file", IMAGE) + file_part("audio_file", b"") + END])


def test_a_file_name_never_becomes_a_path(tmp_path: Path) -> None:
    name = "../../../../tmp/evil\r\nX-Injected: 1"
    receive(tmp_path, [file_part("image_file", IMAGE, name) + file_part("audio_file", AUDIO) + END])

    assert sorted(path.name for path in tmp_path.iterdir()) == ["audio", "image"]


def test_a_large_upload_needs_little_memory(tmp_path: Path) -> None:
    piece = bytes(64 * 1024)

    def chunks() -> Iterable[bytes]:
        head, _, tail = file_part("audio_file", b"*").partition(b"*")
        yield file_part("image_file", IMAGE) + head
        yield from (piece for _ in range(1600))  # 100 MB
        yield tail + END

    tracemalloc.start()
    receive(tmp_path, chunks())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (tmp_path / "audio").stat().st_size == 1600 * len(piece)
    assert peak < 2 * 1024**2


@pytest.mark.parametrize(
    ("limits", "words"),
    [(UploadLimits(10**9, idle_s=0.05), "paused for 0.05 s"), (UploadLimits(10**9, 5.0, 0.1), "longer than 0.1 s")],
    ids=["a pause", "a trickle"],
)
def test_an_upload_that_dawdles_is_given_up(tmp_path: Path, limits: UploadLimits, words: str) -> None:
    async def body() -> AsyncIterator[bytes]:
        for start in range(0, len(FORM), 100):
            yield FORM[start : start + 100]
            await asyncio.sleep(0.2 if limits.idle_s < 1 else 0.02)

    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    destinations = {"image_file": tmp_path / "image", "audio_file": tmp_path / "audio"}

    with pytest.raises(UploadTimedOut, match=words):
        asyncio.run(receive_upload(headers, body(), destinations, limits))
