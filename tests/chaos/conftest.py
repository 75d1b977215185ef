"""One mortal service for all tests of survival."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.run import Arena


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings, and videos of quiet days."""
    return tmp_path_factory.mktemp("chaos")


@pytest.fixture(scope="package")  # an idle service takes a fifth of a core from whatever comes after
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    arena = Arena(tmp_path_factory.mktemp("arena"))
    yield arena
    arena.kill_all()
