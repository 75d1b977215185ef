"""/health and status polling against an empty Serve application behind the same proxy, in turns, in one run."""

import statistics
import tempfile
from pathlib import Path

from benchmarks.load import Load, measure
from benchmarks.report import report
from emo_hallo.client import Hallo2Client
from tests.live_service import ROOT, live_service

EMPTY = {"name": "empty", "route_prefix": "/empty", "import_path": "benchmarks.empty_app:app"}
PLAIN = {"engine__extra": '{"plain": "benchmarks.plain_engine:ENGINE"}'}
ROUNDS = 5
SECONDS = 6.0


def main() -> None:
    rows = []
    for proxy, flag in {"HAProxy": "1", "Serve's own": "0"}.items():
        with (
            tempfile.TemporaryDirectory() as folder,
            live_service(
                Path(folder), applications=[EMPTY], environ={"RAY_SERVE_ENABLE_HA_PROXY": flag}, settings=PLAIN
            ) as service,
            Hallo2Client(service.base_url) as client,
        ):
            samples = ROOT / "samples"
            task_id = client.inference(
                image_path=samples / "portrait.jpg", audio_path=samples / "speech.wav", engine="plain"
            )
            client.wait(task_id, timeout_s=120)
            paths = {"empty": "/empty/", "/health": "/health", "status": f"/api/v1/tasks/{task_id}"}
            rows += compare(proxy, {name: service.base_url + path for name, path in paths.items()})
    report(
        "polling",
        f"Medians of {ROUNDS} rounds of {SECONDS:g} s, 16 callers; goal: ratio at least 0.8, p99 ratio at most 1.3",
        rows,
    )


def compare(proxy: str, urls: dict[str, str]) -> list[dict[str, object]]:
    """Each URL in turn, round after round, so that a noisy moment hits all of them."""
    for url in urls.values():
        measure(url, 1.0)  # warm-up
    rounds: dict[str, list[Load]] = {name: [] for name in urls}
    for _ in range(ROUNDS):
        for name, url in urls.items():
            rounds[name].append(measure(url, SECONDS))
    empty = rounds["empty"]
    return [
        {
            "proxy": proxy,
            "route": name,
            "req/s": statistics.median(load.requests_per_s for load in loads),
            "p50, ms": statistics.median(load.p50_ms for load in loads),
            "p99, ms": statistics.median(load.p99_ms for load in loads),
            # ratios within a round, then their median
            "ratio to empty": statistics.median(
                load.requests_per_s / base.requests_per_s for load, base in zip(loads, empty, strict=True)
            ),
            "p99 ratio": statistics.median(load.p99_ms / base.p99_ms for load, base in zip(loads, empty, strict=True)),
            "failed": sum(load.n_failed for load in loads),
        }
        for name, loads in rounds.items()
    ]


if __name__ == "__main__":
    main()
