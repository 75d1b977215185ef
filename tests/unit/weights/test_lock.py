"""The lock file: what it holds, and what happens when it is not one."""

import json
from pathlib import Path

import pytest

from emo_hallo_ray.errors import UnusableModelFile
from emo_hallo_ray.weights.lock import LOCK_NAME, Lock, LockedFile

ENTRY = LockedFile("owner/name", "c0ffee", 5, "00" * 32, "2025-01-01T00:00:00+00:00")


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    lock = Lock({}).with_file("hallo2/net.pth", ENTRY)

    lock.write(tmp_path)

    assert Lock.read(tmp_path) == lock
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_NAME]


def test_a_folder_without_one_has_an_empty_lock(tmp_path: Path) -> None:
    assert Lock.read(tmp_path).files == {}


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"version": 2, "files": {}}', '{"version": 1, "files": {"a": {"size": 1}}}'],
    ids=["empty", "cut short", "list", "without version", "of the future", "other fields"],
)
def test_anything_else_is_refused_with_its_name(tmp_path: Path, content: str) -> None:
    (tmp_path / LOCK_NAME).write_text(content)

    with pytest.raises(UnusableModelFile, match=r"models\.lock\.json' is not a lock file"):
        Lock.read(tmp_path)


def test_it_is_readable_by_people_and_programs(tmp_path: Path) -> None:
    Lock({"b": ENTRY, "a": ENTRY}).write(tmp_path)

    content = json.loads((tmp_path / LOCK_NAME).read_text())

    assert content["version"] == 1
    assert list(content["files"]) == ["a", "b"]
    assert set(content["files"]["a"]) == {"repository", "commit", "size_bytes", "sha256", "checked_at"}
