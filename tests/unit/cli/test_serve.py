"""`serve`: what this process turns into."""

import os
import sys

import pytest


class Replaced(Exception):
    """Stands for the process having become another program."""


@pytest.fixture
def execve(monkeypatch) -> list:
    calls: list = []

    def record(*arguments: object) -> None:
        calls.extend(arguments)
        raise Replaced

    monkeypatch.setattr(os, "execve", record)
    return calls


def test_serve_becomes_ray_serve_with_the_services_environment(run, execve, tmp_path, monkeypatch):
    config = tmp_path / "serve.yaml"
    config.touch()
    monkeypatch.setattr("emo_hallo_ray.settings.serve_environment", lambda: {"RAY_PROXY": "chosen"})

    result = run("serve", "--config", config)

    program, arguments, environment = execve
    assert isinstance(result.exception, Replaced)
    assert program == sys.executable
    assert arguments == [sys.executable, "-m", "deployments", str(config)]
    assert environment == {"RAY_PROXY": "chosen"}


def test_serve_without_a_configuration_says_where_it_looked(run, execve, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    result = run("serve")

    assert result.exit_code == 2
    assert f"there is no configuration at '{tmp_path / 'serve_config.yaml'}'" in result.stderr
    assert execve == []
