"""How a benchmark shows its figures: a table for people, JSON for programs, and the machine they were measured on."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

WIDTH = 120  # even where no terminal is
RESULTS = Path(__file__).parent / "results"


def report(name: str, title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print the rows and write them to results/<name>.json."""
    table = Table(*rows[0], title=title)
    for row in rows:
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=max(WIDTH, Console().width)).print(table)
    RESULTS.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "processor": platform.processor() or platform.machine()}
    measured = {"title": title, "at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine}
    (RESULTS / f"{name}.json").write_text(json.dumps({**measured, "rows": list(rows)}, indent=2) + "\n")
