"""A fake hub that has every file of the manifest, small; and an environment without anybody's token."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants, file_download
from typer.testing import CliRunner

from emo_hallo_ray.cli import app
from emo_hallo_ray.weights.manifest import MODEL_FILES
from tests.unit.weights.fake_hub import FakeHub
from tests.unit.weights.samples import make_content

Run = Callable[..., Any]  # returns a `Result` of typer's runner


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "EMO_HALLO_WEIGHTS__ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100)  # what a break costs; 10 MB outside of tests
    monkeypatch.setattr(file_download, "time", SimpleNamespace(sleep=lambda seconds: None))  # it waits between tries
    yield
    huggingface_hub.close_session()


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub({file.path: make_content(file.path) for file in MODEL_FILES}).running() as hub:
        yield hub


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "pretrained_models"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, ["models", *(str(argument) for argument in arguments)])
