"""The program as a whole: help, version, and how fast it is there."""

import json
import subprocess
import sys

import pytest

from emo_hallo_ray import __version__

COMMANDS = ("doctor", "render", "upscale", "serve", "submit", "status", "logs", "cancel", "key")
HEAVY = {"ray", "torch", "cv2", "numpy", "httpx", "pydantic", "onnxruntime", "scipy"}
PROGRAM = """
import json, sys, time
started = time.process_time()
from typer.testing import CliRunner
from emo_hallo_ray.cli import app
result = CliRunner().invoke(app, ["--help"])
assert result.exit_code == 0, result.output
print(json.dumps([time.process_time() - started, sorted(sys.modules)]))
"""


def test_help_names_every_command(run):
    output = run("--help").stdout

    assert [name for name in COMMANDS if name not in output] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_each_of_its_options(run, command):
    result = run(command, "--help")

    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 5


def test_version_is_printed(run):
    assert run("--version").stdout == f"emo-hallo {__version__}\n"


def test_help_is_there_at_once_and_loads_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)

    cpu_s, modules = json.loads(done.stdout)

    assert HEAVY.isdisjoint(modules)
    assert cpu_s < 1.0
