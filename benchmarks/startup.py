"""Seconds from `serve run` to the first 200 on /health, and from Ctrl-C to the end, with either proxy."""

import tempfile
import time
from pathlib import Path

from benchmarks.report import report
from tests.live_service import live_service

PROXIES = {"HAProxy (our default)": "1", "Serve's own proxy": "0"}


def main() -> None:
    rows = []
    for proxy, flag in PROXIES.items():
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            with live_service(Path(folder), environ={"RAY_SERVE_ENABLE_HA_PROXY": flag}) as service:
                until_healthy_s = time.monotonic() - started
                until_stopped_s = service.stop()
        rows.append({"proxy": proxy, "start, s": until_healthy_s, "stop, s": until_stopped_s, "goal": "start < 40 s"})
    report("startup", "Cold start and shutdown", rows)


if __name__ == "__main__":
    main()
