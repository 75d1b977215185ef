"""`make soak MINUTES=120`: mixed load for long, and whether anything grows."""

import argparse
import json
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.run import Arena
from tests.soak.load import Load, wait
from tests.soak.measure import Samples, Series

WARM_UP_S = 240.0  # models load, caches and pools fill
SAMPLE_EVERY_S = 5.0
OBJECTS_EVERY_S = 120.0
RETENTION = {
    "retention__age_s": "120",
    "retention__scratch_s": "20",
    "retention__orphan_s": "60",
    "retention__record_age_s": "240",
    "retention__sweep_every_s": "15",
    "cache__max_bytes": str(20 * 2**20),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--json", type=Path, default=Path("out/soak.json"))
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as folder:
        arena = Arena(Path(folder), RETENTION)
        try:
            load = Load(arena.service.base_url, Path(folder))
            load.start()
            console.print(
                f"warming up for {WARM_UP_S:g} s, then {options.minutes:g} minutes at {arena.service.base_url}"
            )
            wait(WARM_UP_S, 1.0, lambda: None)
            samples = Samples(arena.service)
            n_stretches = max(2, round(options.minutes * 60 / OBJECTS_EVERY_S))
            for stretch in range(n_stretches):
                samples.take_objects()
                wait(options.minutes * 60 / n_stretches, SAMPLE_EVERY_S, samples.take)
                console.print(f"{stretch + 1} of {n_stretches}: {dict(load.counts)}")
            load.stop()
            samples.take_objects()
        finally:
            arena.kill_all()
    report = {"counts": dict(load.counts), "series": {name: vars(series) for name, series in samples.series.items()}}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report))
    console.print(_table(samples.series))
    console.print(dict(load.counts))


def _table(series: dict[str, Series]) -> Table:
    table = Table("what", "first", "last", "highest", "growth an hour", "standard error", title="Soak")
    for name, one in sorted(series.items()):
        if len(one.points) < 5:  # a process that came and went
            continue
        values = [value for _, value in one.points]
        slope, error = one.slope()
        figures = (values[0], values[-1], max(values))
        table.add_row(name, *(f"{v:.1f} {one.unit}" for v in figures), f"{slope:+.1f} {one.unit}", f"{error:.1f}")
    return table


if __name__ == "__main__":
    main()
