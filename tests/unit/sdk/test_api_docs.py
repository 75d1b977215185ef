"""docs/API.md keeps up with the code."""

import re
from pathlib import Path
from typing import get_args

import pytest

from emo_hallo.models import InferenceOptions, Preset, Scheduler
from emo_hallo_ray import errors
from emo_hallo_ray.hallo2.presets import BALANCED, DRAFT, QUALITY, PresetName, SchedulerName
from emo_hallo_ray.schemas import RESULT_FIELDS, ConfigView, InferenceForm, TaskView

TEXT = (Path(__file__).parents[3] / "docs" / "API.md").read_text(encoding="utf-8")
CLASSES = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.EmoHalloError)]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.code)
def test_every_error_code_is_listed_with_its_status(cls):
    assert f"| `{cls.code}` | {cls.http_status} |" in TEXT


@pytest.mark.parametrize(
    "names",
    [InferenceForm.model_fields, TaskView.model_fields, ConfigView.model_fields, RESULT_FIELDS],
    ids=["inference", "task", "configuration", "result"],
)
def test_every_field_is_named(names):
    named = set(re.findall(r"[`\"](\w+)[`\"]", TEXT))

    assert set(names) <= named


def test_client_knows_every_field_of_the_form():
    assert InferenceForm.model_fields.keys() - {"use_cache"} <= InferenceOptions.__annotations__.keys()


def test_client_knows_every_preset_and_scheduler():
    assert get_args(Preset) == get_args(PresetName)
    assert get_args(Scheduler) == get_args(SchedulerName)


def test_every_preset_is_described_with_its_steps():
    text = " ".join(TEXT.split())

    assert f"with `quality` as configured ({QUALITY.default_steps})" in text
    for preset in (BALANCED, DRAFT):
        assert f"with `{preset.name}` {preset.default_steps}" in text


def test_links_within_the_page_lead_somewhere():
    headings = re.findall(r"^#+ (.+)$", TEXT, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}

    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors
