"""Every command and every program of the documents, run as it stands against the live service."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import PORTRAIT, SPEECH, cut_speech
from tests.live_service import ROOT, LiveService
from tests.loopback import Quiet, serving

EXAMPLE_TASK = "550e8400-e29b-41d4-a716-446655440000"
STORIES = ("docs/PROVENANCE.md", "docs/TOUR.md")  # each block goes on where the one before ended
BLOCK = re.compile(r"^```(bash|python|javascript)\n(.*?)^```", re.DOTALL | re.MULTILINE)
DOCUMENTS = ("README.md", "docs/API.md", "docs/RECIPES.md", "docs/TROUBLESHOOTING.md")
FOUND = {
    (language, text): f"{document}-{number}-{language}"
    for document in reversed(DOCUMENTS)  # what several say is run once, under the name of the first
    for number, (language, text) in enumerate(BLOCK.findall((ROOT / document).read_text(encoding="utf-8")))
    if not text.startswith("make ")  # CI and the tests below run those
    and "example.com" not in text  # tests/chaos/test_webhooks.py has a receiver
    and "node:crypto" not in text  # tests/unit/webhooks/test_documented_verification.py
}
BLOCKS = [pytest.param(language, text, id=name) for (language, text), name in FOUND.items()]


OBJECTS = {"PORTRAIT": "person.jpg", "SPEECH": "speech.wav", "VIDEO": "video.mp4"}


@contextmanager
def bucket(objects: dict[str, bytes]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """What presigned addresses lead to: a server that gives and takes objects."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.answer(body=objects[self.path[1:]])

        def do_PUT(self) -> None:
            objects[self.path[1:]] = self.body()
            self.answer()

    with serving(Handler) as address:
        yield address, objects


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(("language", "text"), BLOCKS)
def test_the_block_runs(
    language: str, text: str, tmp_path: Path, service: LiveService, short_speech: Path, completed: str
) -> None:
    if not service.base_url.endswith(":8001"):
        pytest.skip("port 8001 is taken by another program, and the documents say 8001")
    shutil.copy(PORTRAIT, tmp_path / "person.jpg")
    shutil.copy(short_speech, tmp_path / "speech.wav")
    text = text.replace(EXAMPLE_TASK, completed).replace("curl ", "curl --fail-with-body ")
    command = {
        "python": [sys.executable, "-c", text],
        "bash": ["bash", "-e", "-c", text],
        "javascript": [shutil.which("node") or "", "--input-type=module", "--eval", text],
    }[language]
    if not command[0]:
        pytest.skip("not installed: node")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = os.environ | {"PATH": path, "EMO_HALLO_STORAGE__ROOT": str(tmp_path)}

    with bucket({"person.jpg": PORTRAIT.read_bytes(), "speech.wav": short_speech.read_bytes()}) as (address, objects):
        environ |= {f"{name}_URL": f"{address}/{key}" for name, key in OBJECTS.items()}
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=180)

    assert done.returncode == 0, done.stdout + done.stderr
    if "VIDEO_URL" in text:
        assert objects["video.mp4"] == (tmp_path / "to-s3.mp4").read_bytes()
    if "output.mp4" in text:
        assert (tmp_path / "output.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("document", STORIES)
def test_the_commands_of_a_story_work_one_after_the_other(document: str, tmp_path: Path, service: LiveService) -> None:
    if not service.base_url.endswith(":8001"):
        pytest.skip("port 8001 is taken by another program, and the documents say 8001")
    shutil.copy(PORTRAIT, tmp_path / "person.jpg")
    cut_speech(SPEECH, tmp_path / "speech.wav", seconds=4.0)
    blocks = [text for language, text in BLOCK.findall((ROOT / document).read_text()) if language == "bash"]
    script = "\n".join(block for block in blocks if not block.startswith(("pip install", "make ")))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-e", "-c", script.replace("curl ", "curl --fail-with-body ")],
        cwd=tmp_path,
        env=os.environ | {"PATH": path, "EMO_HALLO_STORAGE__ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for video in re.findall(r"-o (\w+\.mp4)", script):
        assert (tmp_path / video).read_bytes()[4:8] == b"ftyp"


def test_the_demo_uses_a_service_that_is_up_and_says_where_the_video_is(service: LiveService) -> None:
    if not service.base_url.endswith(":8001"):
        pytest.skip("port 8001 is taken by another program, and the demo uses 8001")

    done = subprocess.run([sys.executable, ROOT / "tools" / "demo.py"], capture_output=True, text=True, timeout=180)

    assert done.returncode == 0, done.stderr
    assert "demo.mp4" in done.stdout.replace("\n", "")
    assert "generation" in done.stdout


@pytest.mark.parametrize("target", ["demo", "serve", "test", "lint", "types", "fix", "bench"])
def test_every_chore_that_the_documents_name_exists(target: str) -> None:
    assert subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True).returncode == 0
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    assert any(f"make {target}" in document.read_text(encoding="utf-8") for document in documents)


def test_the_readme_shows_every_setting_with_its_default() -> None:
    from tools.settings_table import settings_table

    assert settings_table() in (ROOT / "README.md").read_text(encoding="utf-8"), "run tools/settings_table.py"
