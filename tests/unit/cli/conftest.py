"""A terminal to type into, and a fake service to talk to."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from emo_hallo_ray.cli import app
from tests.unit.sdk.fake_service import FakeService

Run = Callable[..., Any]  # returns a `Result` of typer's runner


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    with FakeService().running() as service:
        monkeypatch.setenv("EMO_HALLO_SERVER", service.url)
        yield service


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    path = tmp_path / "person.jpg"
    path.write_bytes(b"\xff\xd8\xff picture")
    return path


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    path.write_bytes(b"RIFF sound")
    return path
