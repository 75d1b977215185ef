"""Many callers at once, cheaply: they poll and upload, and count what they are told."""

import asyncio
from collections import Counter
from urllib.parse import urlsplit

import httpx

POLL_EVERY_S = 2.0


async def poll(url: str, n_callers: int, seconds: float, counts: Counter[int]) -> None:
    """Ask for one URL, each caller every two seconds, out of step."""
    assert urlsplit(url).hostname == "127.0.0.1", "load goes to this machine only"
    limits = httpx.Limits(max_connections=n_callers, max_keepalive_connections=n_callers)
    async with httpx.AsyncClient(limits=limits, timeout=30) as http:
        await asyncio.gather(
            *(_poll(http, url, i * POLL_EVERY_S / n_callers, seconds, counts) for i in range(n_callers))
        )


async def _poll(http: httpx.AsyncClient, url: str, delay_s: float, seconds: float, counts: Counter[int]) -> None:
    await asyncio.sleep(delay_s)
    for _ in range(round(seconds / POLL_EVERY_S)):
        counts[(await http.get(url)).status_code] += 1
        await asyncio.sleep(POLL_EVERY_S)


async def upload(base_url: str, n_uploads: int, image: bytes, audio: bytes, counts: Counter[int]) -> None:
    """Create so many tasks at the same moment."""
    assert urlsplit(base_url).hostname == "127.0.0.1", "load goes to this machine only"
    files = {"image_file": image, "audio_file": audio}
    async with httpx.AsyncClient(base_url=base_url, timeout=120) as http:
        answers = await asyncio.gather(
            *(http.post("/api/v1/inference/hallo2", files=files, data={"engine": "preview"}) for _ in range(n_uploads))
        )
    for answer in answers:
        counts[answer.status_code] += 1
