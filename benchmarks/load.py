"""A load generator that costs little beside what it measures: bare HTTP/1.1 over kept-alive loopback connections."""

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np


@dataclass(frozen=True)
class Load:
    """What `n_callers` callers saw, each sending its next request when its last was answered."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    n_failed: int


def measure(url: str, seconds: float, n_callers: int = 16) -> Load:
    """Load a loopback URL for a bounded time."""
    assert urlsplit(url).hostname in ("127.0.0.1", "localhost"), "load goes to this machine only"
    return asyncio.run(_measure(url, seconds, n_callers))


async def _measure(url: str, seconds: float, n_callers: int) -> Load:
    started = time.perf_counter()
    results = await asyncio.gather(*(_call_until(url, started + seconds) for _ in range(n_callers)))
    took = time.perf_counter() - started
    latencies_ms = 1000 * np.array([latency for latencies, _ in results for latency in latencies])
    n_failed = sum(failed for _, failed in results)
    p50_ms, p99_ms = np.percentile(latencies_ms, [50, 99])
    return Load(len(latencies_ms) / took, float(p50_ms), float(p99_ms), n_failed)


async def _call_until(url: str, deadline: float) -> tuple[list[float], int]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    latencies, n_failed = [], 0
    while (sent := time.perf_counter()) < deadline:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_content_length(head))
        latencies.append(time.perf_counter() - sent)
        n_failed += not head.startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()
    return latencies, n_failed


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    raise ValueError(f"no Content-Length in {head!r}")
