"""The samples of our user's API document, run as they stand against the live service."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import PORTRAIT
from tests.live_service import ROOT, LiveService

DOCUMENT = (ROOT / "tests" / "data" / "api_document.md").read_text(encoding="utf-8")


def sample(language: str, containing: str) -> str:
    """The one code block of that language with these words in it."""
    blocks = [b for b in re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL) if containing in b]
    assert len(blocks) == 1, f"{len(blocks)} {language} blocks contain {containing!r}"
    return str(blocks[0])


@pytest.fixture
def folder(tmp_path: Path, service: LiveService, short_speech: Path) -> Path:
    """A folder with person.jpg and speech.wav in it, as the samples expect."""
    if not service.base_url.endswith(":8001"):
        pytest.skip("port 8001 is taken by another program, and the document's samples say 8001")
    shutil.copy(PORTRAIT, tmp_path / "person.jpg")
    shutil.copy(short_speech, tmp_path / "speech.wav")
    return tmp_path


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_workflow_with_requests_makes_a_video(folder: Path) -> None:
    output = run([sys.executable, "-c", sample("python", "轮询任务状态")], folder)

    assert "Task completed!" in output
    assert (folder / "output.mp4").read_bytes()[4:8] == b"ftyp"


def test_the_client_library_sample_makes_a_video(folder: Path) -> None:
    run([sys.executable, "-c", sample("python", "Hallo2Client")], folder)

    assert (folder / "output.mp4").read_bytes()[4:8] == b"ftyp"


def test_the_short_requests_sample_queues_a_task(folder: Path) -> None:
    output = run([sys.executable, "-c", sample("python", "data = {'use_cache': True}")], folder)

    assert "'status': 'queued', 'message': 'Inference task queued successfully'" in output


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_sample_queues_a_task(folder: Path) -> None:
    output = run(["sh", "-c", sample("bash", "-X POST")], folder)

    assert '"status":"queued","message":"Inference task queued successfully"' in output


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_download_samples_save_the_video(folder: Path, completed: str) -> None:
    block = sample("bash", "curl -O").replace("{task_id}", completed)
    curl, _, python = block.partition("# 使用 Python")
    run(["sh", "-c", curl], folder)
    run([sys.executable, "-c", f"import requests\ntask_id = '{completed}'\n{python}"], folder)

    assert (folder / "video").read_bytes() == (folder / "output.mp4").read_bytes()
