"""The image, as far as it can be judged without building it: no registry of images is at hand."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import ray

from emo_hallo_ray.settings import SERVE_ENVIRONMENT

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "cluster" / "Dockerfile"
HADOLINT = Path(sys.executable).with_name("hadolint")


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HADOLINT, "--no-color", path], capture_output=True, text=True, check=False)


def instructions() -> list[tuple[str, str]]:
    """(INSTRUCTION, arguments), continuation lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest) for line in text.splitlines() if line.strip() for word, _, rest in [line.partition(" ")]]


def test_hadolint_has_no_complaint():
    result = lint(DOCKERFILE)

    assert (result.stdout, result.returncode) == ("", 0)


def test_hadolint_would_complain(tmp_path):
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM rayproject/ray:latest\nRUN sudo pip install ray\n")

    assert lint(bad).returncode == 1


def test_ray_of_the_image_is_the_one_that_was_checked():
    assert f"RAY_VERSION={ray.__version__}" in [rest for word, rest in instructions() if word == "ARG"]


def test_image_runs_as_an_ordinary_user():
    users = [rest for word, rest in instructions() if word == "USER"]

    assert users[-1] == "1000:100"  # Ray's own user


def test_dependencies_are_a_layer_of_their_own():
    steps = [(word, rest) for word, rest in instructions() if word in ("COPY", "RUN")]
    copies = [i for i, (word, _) in enumerate(steps) if word == "COPY"]
    installs = [i for i, (_, rest) in enumerate(steps) if "pip install" in rest]

    assert "pyproject.toml" in steps[copies[0]][1]
    assert copies[0] < installs[0] < copies[1] < installs[1]
    assert "--no-deps" in steps[installs[1]][1]


@pytest.mark.parametrize("extras", ["", "hallo2"])
def test_dependencies_are_those_of_the_project(extras):
    [script] = [m for _, rest in instructions() for m in re.findall(r'python -c "(import tomllib.*?)"', rest)]

    command = [sys.executable, "-c", script.replace("${EXTRAS}", extras)]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    expected = project["dependencies"] + (project["optional-dependencies"][extras] if extras else [])
    assert listed == expected


def test_environment_is_that_of_emo_hallo_serve():
    [environment] = [dict(re.findall(r"(\w+)=(\S+)", rest)) for word, rest in instructions() if word == "ENV"]

    ours = {name: value for name, value in environment.items() if name.startswith("RAY_")}
    assert ours.items() <= SERVE_ENVIRONMENT.items()
    assert "RAY_SERVE_ENABLE_HA_PROXY" in ours


def test_health_is_asked_of_the_service():
    [(_, probe)] = [step for step in instructions() if step[0] == "HEALTHCHECK"]

    assert "http://127.0.0.1:8001/health" in probe


def test_build_context_holds_what_the_build_reads_and_nothing_by_default():
    patterns = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line.strip("!/") for line in patterns if line.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert "*" in patterns
    assert {"pyproject.toml", "constraints.txt", project["readme"], *project["license-files"]} <= kept
    assert {"emo_hallo_ray", "deployments", "serve_config.yaml"} <= kept
