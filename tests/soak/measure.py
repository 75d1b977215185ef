"""What a service takes: memory and file descriptors of each of its processes, its objects, its disk."""

import contextlib
import math
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tests.live_service import LiveService, processes

MB = 2**20


@dataclass
class Series:
    """A figure over time."""

    unit: str
    points: list[tuple[float, float]] = field(default_factory=list)  # seconds, value

    def slope(self) -> tuple[float, float]:
        """Growth an hour and its standard error, by least squares.

        Samples of one process hang together, so the error is that of the means of ten stretches.
        """
        means = _means(self.points, n_stretches=10)
        n = len(means)
        if n < 3:
            return math.nan, math.nan
        middle = sum(t for t, _ in means) / n
        mean = sum(v for _, v in means) / n
        spread = sum((t - middle) ** 2 for t, _ in means)
        per_s = sum((t - middle) * (v - mean) for t, v in means) / spread
        rest = sum((v - mean - per_s * (t - middle)) ** 2 for t, v in means) / (n - 2)
        return per_s * 3600, math.sqrt(rest / spread) * 3600


def _means(points: list[tuple[float, float]], n_stretches: int) -> list[tuple[float, float]]:
    size = max(1, len(points) // n_stretches)
    stretches = [points[i : i + size] for i in range(0, len(points) - size + 1, size)]
    return [(sum(t for t, _ in s) / len(s), sum(v for _, v in s) / len(s)) for s in stretches]


class Samples:
    """All series of one soak."""

    def __init__(self, service: LiveService) -> None:
        self._service = service
        self._started = time.monotonic()
        self.series: dict[str, Series] = defaultdict(lambda: Series(""))

    def take(self) -> None:
        """One look at every process and at the disk."""
        now = time.monotonic() - self._started
        for pid, command in processes(self._service).items():
            role = _role(command)
            if role is None:
                continue
            with contextlib.suppress(OSError, IndexError):  # it ended meanwhile
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                private_kb = sum(int(kb) for kb in re.findall(r"Private_(?:Clean|Dirty):\s+(\d+)", rollup))
                self._add(f"{role} {pid}: private memory", "MB", now, private_kb / 1024)
                self._add(f"{role} {pid}: descriptors", "", now, len([*Path(f"/proc/{pid}/fd").iterdir()]))
        storage = self._service.storage
        files = [path for path in storage.rglob("*") if path.is_file()]
        self._add("storage: files", "", now, len(files))
        size = 0
        for path in files:
            with contextlib.suppress(FileNotFoundError):
                size += path.stat().st_size
        self._add("storage: size", "MB", now, size / MB)
        self._add("storage: database", "MB", now, (storage / "tasks.sqlite").stat().st_size / MB)

    def take_objects(self) -> None:
        """Ray's own count of what lies in the object store; takes seconds, so seldom."""
        command = [sys.executable, "-m", "ray.scripts.scripts", "memory", "--stats-only"]
        environ = os.environ | {"RAY_AUTH_MODE": "token", "RAY_ADDRESS": self._address()}
        result = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
        found = re.search(r"Plasma memory usage (\d+) MiB, (\d+) objects", result.stdout)
        if found is None:
            raise RuntimeError(f"ray memory said: {result.stdout[-500:]} {result.stderr[-500:]}")
        now = time.monotonic() - self._started
        self._add("object store: size", "MB", now, float(found[1]))
        self._add("object store: objects", "", now, float(found[2]))

    def _address(self) -> str:
        for command in processes(self._service).values():
            if found := re.search(r"--gcs-address=([\d.]+:\d+)", command):
                return found[1]
        raise RuntimeError("no raylet is running")

    def _add(self, name: str, unit: str, at: float, value: float) -> None:
        series = self.series[name]
        series.unit = unit
        series.points.append((at, value))


def _role(command: str) -> str | None:
    """The processes that are ours or work for us, by short names; ffmpeg and other passers-by are left out."""
    if command.startswith("ray::"):
        name = command.removeprefix("ray::").split()[0].split(".")[0].split("(")[0]
        return name.removeprefix("ServeReplica:emo-hallo:") if name != "IDLE" else None
    for part, role in (("raylet/raylet", "raylet"), ("gcs_server", "gcs_server"), ("bin/haproxy", None)):
        if part in command:
            return role
    return "serve run" if "-m deployments" in command else None
