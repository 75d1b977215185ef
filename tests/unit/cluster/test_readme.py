"""The recipes name files that exist, and no file goes without a recipe."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
README = (ROOT / "cluster" / "README.md").read_text()


def test_named_files_exist():
    named = set(re.findall(r"\bcluster/[\w./]+\w", README))

    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_file_is_named():
    files = [path for path in (ROOT / "cluster").rglob("*") if path.is_file() and path.name != "README.md"]

    assert [path.name for path in files if path.name not in README] == []
