"""The janitor's loop: it outlives failures, and distrusts a clock that was set."""

import asyncio
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments import janitor as module
from deployments.janitor import Janitor
from emo_hallo_ray.errors import ServiceUnavailable
from emo_hallo_ray.retention import Swept
from emo_hallo_ray.settings import RetentionSettings
from emo_hallo_ray.storage import Storage


class CountingSweeper:
    """Counts sweeps; raises what it was given, one error a sweep, before it works."""

    def __init__(self, *errors: Exception) -> None:
        self.n_sweeps = 0
        self._errors = list(errors)

    async def sweep(self) -> Swept:
        self.n_sweeps += 1
        if self._errors:
            raise self._errors.pop(0)
        return Swept(by_age=["task-1"])


def janitor_with(sweeper: CountingSweeper, folder: Path) -> Janitor:
    janitor = Janitor(SimpleNamespace(), Storage(folder), RetentionSettings(sweep_every_s=0.01))  # type: ignore[arg-type]
    janitor._sweeper = sweeper  # type: ignore[assignment]
    return janitor


def run_for(janitor: Janitor, seconds: float) -> None:
    async def go() -> None:
        janitor.start()
        await asyncio.sleep(seconds)
        await janitor.stop()

    asyncio.run(go())


def test_the_loop_outlives_any_failure_and_tells_what_it_deleted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sweeper = CountingSweeper(ServiceUnavailable("away"), RuntimeError("a bug"))
    caplog.set_level(logging.INFO, "ray.serve")

    run_for(janitor_with(sweeper, tmp_path), 0.5)

    assert sweeper.n_sweeps > 3
    assert "task task-1: its data were deleted by the retention policy (age)" in caplog.text


def test_nothing_is_deleted_by_a_clock_that_was_just_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sweeper = CountingSweeper()
    moments = iter([0.0])  # at the start; a year later ever after
    clock: Any = SimpleNamespace(time=lambda: next(moments, 3.2e7), monotonic=lambda: 0.0)
    monkeypatch.setattr(module, "time", clock)

    run_for(janitor_with(sweeper, tmp_path), 0.2)

    assert sweeper.n_sweeps == 0
    assert "the clock was set" in caplog.text
