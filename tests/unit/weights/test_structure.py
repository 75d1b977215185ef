"""Damage that shows without a checksum."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emo_hallo_ray.weights.structure import find_damage
from tests.unit.weights.samples import make_content

NAMES = ("config.json", "model.safetensors", "pytorch_model.bin", "net.pth", "glintr100.onnx")


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_file_shows_no_damage(tmp_path: Path, name: str) -> None:
    assert find_damage(write(tmp_path / name, make_content(name))) is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kept", [0.01, 0.5, 0.999])
def test_a_shortened_file_is_noticed(tmp_path: Path, name: str, kept: float) -> None:
    content = make_content(name)
    path = write(tmp_path / name, content[: max(1, int(len(content) * kept))])

    assert find_damage(path) is not None


@pytest.mark.parametrize("name", NAMES)
def test_an_error_page_under_a_models_name_is_noticed(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, b"<!doctype html><html><title>Sign in</title></html>")

    assert find_damage(path) is not None


@pytest.mark.parametrize("name", NAMES)
def test_a_git_lfs_pointer_is_called_one(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")

    assert find_damage(path) == "is a git-lfs pointer, not the file itself"


def test_a_pickle_of_old_pytorch_is_let_pass(tmp_path: Path) -> None:
    assert find_damage(write(tmp_path / "net.pth", b"\x80\x02}q\x00.")) is None


def test_an_onnx_file_that_uses_every_kind_of_field_is_whole(tmp_path: Path) -> None:
    fields = b"\x08\x96\x01" + b"\x11" + bytes(8) + b"\x1a\x03abc" + b"\x25" + bytes(4)

    assert find_damage(write(tmp_path / "model.onnx", fields)) is None
    assert find_damage(write(tmp_path / "model.onnx", fields + b"\x2b")) is not None
    assert find_damage(write(tmp_path / "model.onnx", fields + b"\xff" * 20)) is not None


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_whatever_is_in_a_file_the_answer_is_words_or_nothing(tmp_path: Path, name: str, data: st.DataObject) -> None:
    content = make_content(name, 50)
    start = data.draw(st.integers(0, len(content)))
    garbage = data.draw(st.binary(max_size=40))

    damage = find_damage(write(tmp_path / name, content[:start] + garbage + content[start + len(garbage) :]))

    assert damage is None or damage.startswith(("is ", "has "))
