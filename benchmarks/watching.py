"""How soon a video can be watched: from a task's submission to its first segment, and to its end.

python -m benchmarks.watching          # starts a service of its own
"""

import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.report import report
from emo_hallo.client import Hallo2Client
from tests.e2e.conftest import PORTRAIT, SPEECH
from tests.live_service import live_service

N_RUNS = 5


def measure_one(client: Hallo2Client, http: httpx.Client, seed: int) -> tuple[float, float]:
    """Seconds to the first part, fetched whole, and to the end."""
    started = time.monotonic()
    task_id = client.inference(PORTRAIT, SPEECH, use_cache=False, seed=seed)
    address = f"/api/v1/tasks/{task_id}/stream.m3u8"
    while ".m4s" not in (playlist := http.get(address).text):
        time.sleep(0.05)
    part = next(line for line in playlist.splitlines() if line.endswith(".m4s"))
    for name in ("stream/init.mp4", part):
        http.get(f"/api/v1/tasks/{task_id}/{name}").raise_for_status()
    first_s = time.monotonic() - started
    client.wait(task_id)
    return first_s, time.monotonic() - started


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        live_service(Path(folder)) as service,
        Hallo2Client(service.base_url) as client,
        httpx.Client(base_url=service.base_url) as http,
    ):
        runs = [measure_one(client, http, seed) for seed in range(N_RUNS)]
    rows = [{"run": number, "first segment, s": first, "completed, s": end} for number, (first, end) in enumerate(runs)]
    report("watching", "How soon the bundled sample (9.3 s) can be watched", rows)


if __name__ == "__main__":
    main()
