"""The commands of the README against the live service."""

import contextlib
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from emo_hallo_ray.media.video import probe_video
from tests.e2e.conftest import PORTRAIT, SPEECH, cut_speech
from tests.e2e.frames import assert_same_frames
from tests.live_service import LiveService


@pytest.fixture
def environ(service: LiveService, tmp_path: Path) -> dict[str, str]:
    return os.environ | {"EMO_HALLO_SERVER": service.base_url, "EMO_HALLO_STORAGE__ROOT": str(tmp_path)}


def emo_hallo(environ: dict[str, str], *arguments: object) -> str:
    command = [sys.executable, "-m", "emo_hallo_ray.cli", *map(str, arguments)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_submit_waits_and_saves_and_a_render_without_server_has_the_same_frames(
    environ: dict[str, str], short_speech: Path, tmp_path: Path
) -> None:
    emo_hallo(environ, "submit", PORTRAIT, short_speech, "-o", tmp_path / "served.mp4", "--seed", 11)
    emo_hallo(
        environ, "render", "--image", PORTRAIT, "--audio", short_speech, "-o", tmp_path / "local.mp4", "--seed", 11
    )

    assert probe_video(tmp_path / "served.mp4").n_frames == 38
    assert_same_frames(tmp_path / "served.mp4", tmp_path / "local.mp4")


def test_status_and_logs_show_a_task(environ: dict[str, str], completed: str) -> None:
    assert "completed" in emo_hallo(environ, "status", completed)
    assert "preprocessing cache" in emo_hallo(environ, "logs", completed)


def test_doctor_says_that_the_preview_engine_can_run_and_why_hallo2_cannot(environ: dict[str, str]) -> None:
    output = emo_hallo(environ, "doctor", "--json")

    assert "preview" in output
    assert "hallo2" in output
    assert "ffmpeg" in output


def test_a_person_at_a_terminal_sees_how_far_it_is(environ: dict[str, str], tmp_path: Path) -> None:
    """In a real terminal, as wide as people's are."""
    speech = cut_speech(SPEECH, tmp_path / "long.wav", seconds=8.0)
    submit = ["submit", str(PORTRAIT), str(speech), "--watch", "--seed", "12"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "emo_hallo_ray.cli", *submit],
        env=environ | {"TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as watching:
        os.close(theirs)
        screen = b""
        with contextlib.suppress(OSError):  # what a terminal says when nobody writes to it any more
            while part := os.read(ours, 65536):
                screen += part
        assert watching.wait(timeout=60) == 0
    os.close(ours)

    shown = screen.decode()
    assert "Running inference..." in shown
    assert re.search(r"\b[1-9]\d%", shown)
    assert re.search(r"about 0:0\d left", shown)
    assert "completed" in shown
