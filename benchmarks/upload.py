"""Resident memory that a 500 MB upload adds to all processes of the service together, with either proxy."""

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from benchmarks.report import report
from tests.live_service import ROOT, LiveService, live_service, resident_bytes

SIZE_BYTES = 500 * 1000 * 1000
PIECE = bytes(256 * 1024)


def main() -> None:
    rows = []
    for proxy, flag in {"HAProxy (our default)": "1", "Serve's own proxy": "0"}.items():
        with (
            tempfile.TemporaryDirectory() as folder,
            live_service(Path(folder), environ={"RAY_SERVE_ENABLE_HA_PROXY": flag}) as service,
        ):
            upload(service, n_bytes=1_000_000)  # warm-up
            time.sleep(2)
            before = resident_bytes(service)
            with PeakMemory(service) as memory:
                status, seconds = upload(service, SIZE_BYTES)
        rows.append(
            {
                "proxy": proxy,
                "before, MB": before / 1e6,
                "added at the peak, MB": (memory.peak - before) / 1e6,
                "answer": status,
                "seconds": seconds,
                "goal": "under 250 MB added",
            }
        )
    report("upload", "A 500 MB upload (refused at its end: it is a WAV of zeros)", rows)


def upload(service: LiveService, n_bytes: int) -> tuple[int, float]:
    """Send a portrait and a WAV of that size in one streamed form."""
    started = time.monotonic()
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    url = f"{service.base_url}/api/v1/inference/hallo2"
    answer = httpx.post(url, content=form(n_bytes), headers=headers, timeout=300)
    return answer.status_code, time.monotonic() - started


def form(n_bytes: int) -> Iterator[bytes]:
    """A multipart body with a silent WAV, made as it is sent."""
    image = (ROOT / "samples" / "portrait.jpg").read_bytes()
    part = '--edge\r\nContent-Disposition: form-data; name="{0}"; filename="{0}"\r\n\r\n'
    yield part.format("image_file").encode() + image + b"\r\n" + part.format("audio_file").encode()
    yield wav_header(n_bytes)
    for _ in range(n_bytes // len(PIECE)):
        yield PIECE
    yield bytes(n_bytes % len(PIECE)) + b"\r\n--edge--\r\n"


def wav_header(n_bytes: int) -> bytes:
    """16-bit mono at 48 kHz."""
    rate = 48_000
    chunk = (
        b"fmt "
        + (16).to_bytes(4, "little")
        + b"".join(
            value.to_bytes(size, "little")
            for value, size in ((1, 2), (1, 2), (rate, 4), (rate * 2, 4), (2, 2), (16, 2))
        )
    )
    return b"RIFF" + (n_bytes + 36).to_bytes(4, "little") + b"WAVE" + chunk + b"data" + n_bytes.to_bytes(4, "little")


class PeakMemory:
    """Watches the service's memory while a block runs."""

    def __init__(self, service: LiveService) -> None:
        self._service = service
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.peak = 0

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            self.peak = max(self.peak, resident_bytes(self._service))


if __name__ == "__main__":
    main()
