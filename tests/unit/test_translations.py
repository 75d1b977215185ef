"""The Chinese documents keep up with the English ones."""

import re
from pathlib import Path

import pytest

from emo_hallo_ray import errors
from emo_hallo_ray.schemas import RESULT_FIELDS, ConfigView, InferenceForm, TaskView

ROOT = Path(__file__).parents[2]
PAIRS = [("README.md", "README.zh-CN.md"), ("docs/API.md", "docs/API.zh-CN.md")]
FIELDS = {*InferenceForm.model_fields, *TaskView.model_fields, *ConfigView.model_fields, *RESULT_FIELDS}


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def blocks(text: str) -> list[str]:
    return re.findall(r"^```\w*\n.*?^```$", text, re.DOTALL | re.MULTILINE)


def headings(text: str) -> list[str]:
    return [line.split()[0] for line in re.sub(r"```.*?```", "", text, flags=re.DOTALL).splitlines() if line[:1] == "#"]


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_both_have_the_same_sections_with_the_same_code(english: str, chinese: str) -> None:
    assert headings(read(chinese)) == headings(read(english))
    assert blocks(read(chinese)) == blocks(read(english))


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_they_lead_to_each_other(english: str, chinese: str) -> None:
    assert f"[中文]({Path(chinese).name})" in read(english)
    assert f"[English]({Path(english).name})" in read(chinese)


def test_the_chinese_api_has_every_route_field_and_code() -> None:
    text = read("docs/API.zh-CN.md")
    classes = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.EmoHalloError)]

    assert set(re.findall(r"[`\"](\w+)[`\"]", text)) >= FIELDS
    assert [cls.code for cls in classes if f"| `{cls.code}` | {cls.http_status} |" not in text] == []
    for route in re.findall(r"^### ((?:GET|POST|DELETE) \S+)$", read("docs/API.md"), re.MULTILINE):
        assert f"### {route}\n" in text


@pytest.mark.parametrize(
    "document", [path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))]
)
def test_links_lead_somewhere(document: str) -> None:
    text = re.sub(r"```.*?```", "", read(document), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        assert file.exists(), target
        if anchor:
            named = re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
            titles = re.findall(r"^#+ (.+)$", named, re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}, target
