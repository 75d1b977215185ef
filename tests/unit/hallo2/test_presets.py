"""Presets: their names, and the steps and the scheduler that a task gets."""

import subprocess
import sys
from typing import get_args

import pytest

from emo_hallo_ray.cli.options import PresetChoice, SchedulerChoice
from emo_hallo_ray.hallo2.presets import PRESETS, PresetName, SchedulerName, scheduler_for, steps_for
from emo_hallo_ray.tasks.model import EngineDefaults, TaskParams


@pytest.mark.parametrize(
    ("preset", "asked", "n_steps"),
    [
        ("quality", None, 33),
        ("balanced", None, 20),
        ("draft", None, 12),
        ("quality", 7, 7),
        ("balanced", 7, 7),
        ("draft", 40, 40),
    ],
)
def test_what_is_asked_for_counts_and_what_is_configured_is_for_quality(
    preset: str, asked: int | None, n_steps: int
) -> None:
    assert steps_for(preset, asked, configured=33) == n_steps


@pytest.mark.parametrize(
    ("preset", "asked", "scheduler"),
    [("quality", None, "ddim"), ("draft", None, "dpm++"), ("quality", "dpm++", "dpm++"), ("draft", "ddim", "ddim")],
)
def test_a_scheduler_that_is_asked_for_replaces_the_presets(preset: str, asked: str | None, scheduler: str) -> None:
    assert scheduler_for(preset, asked) == scheduler


def test_a_preset_has_one_name_wherever_it_is_chosen() -> None:
    assert list(get_args(PresetName)) == list(PRESETS) == list(PresetChoice)
    assert list(get_args(SchedulerName)) == list(SchedulerChoice)


def test_who_chooses_nothing_gets_quality() -> None:
    assert TaskParams().preset == EngineDefaults().preset == "quality"
    assert TaskParams().scheduler == PRESETS["quality"].scheduler
    assert PRESETS["quality"].default_steps == TaskParams().inference_steps == EngineDefaults().inference_steps


def test_requests_are_checked_without_torch() -> None:
    program = "import sys, emo_hallo_ray.schemas, emo_hallo_ray.hallo2.presets; sys.exit('torch' in sys.modules)"

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
