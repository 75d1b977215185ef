"""`upscale`: a real video through the program."""

import io
import sys
from pathlib import Path

import pytest

from emo_hallo_ray.cli.upscale import _progress
from emo_hallo_ray.media.probe import probe_video
from emo_hallo_ray.super_resolution.base import EnlargeOptions
from emo_hallo_ray.super_resolution.enlargers import Enlargers
from tests.unit.media.films import write_film


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "in.mp4", 12, sound=("-c:a", "aac"))


def test_upscale_prints_the_path_and_tells_the_rest_on_stderr(run, film, tmp_path):
    output = tmp_path / "out.mp4"

    result = run("upscale", film, "-o", output, "--scale", "4")

    assert (result.exit_code, result.stdout) == (0, f"{output}\n")
    assert result.stderr.splitlines() == [
        "0.5 s, 64×48, 24 fps, with sound, enlarging 4× by lanczos (hallo2/net_g.pth is missing, "
        "realesrgan/RealESRGAN_x2plus.pth is missing; get it with: "
        "emo-hallo models download --engine super-resolution)",
        "256×192, 12 frames, lanczos, x264",
    ]
    assert (probe_video(output).width_px, probe_video(output).audio_codec) == (256, "aac")


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], EnlargeOptions(2, 0.5, None, None)),
        (["--scale=4", "--no-face"], EnlargeOptions(4, 0.5, False, None)),
        (["--fidelity-weight=0.8", "--no-background"], EnlargeOptions(2, 0.8, None, False)),
    ],
    ids=["defaults", "no face", "fidelity"],
)
def test_upscale_passes_its_options_on(run, film, tmp_path, monkeypatch, arguments, options):
    asked: list[EnlargeOptions] = []

    settle = Enlargers.settle

    def remember(self: Enlargers, wanted: EnlargeOptions) -> object:
        asked.append(wanted)
        return settle(self, wanted)

    monkeypatch.setattr(Enlargers, "settle", remember)

    run("upscale", film, "-o", tmp_path / "out.mp4", *arguments)

    assert asked == [options]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.mp4", "-o", "out.mp4"], "does not exist"),
        (["in.mp4", "-o", "nowhere/out.mp4"], "no folder"),
        (["in.mp4", "-o", "in.mp4"], "it is the video that is read"),
        (["in.mp4", "-o", "out.mp4", "--scale", "3"], "--scale"),
        (["in.mp4", "-o", "out.mp4", "--fidelity-weight", "2"], "--fidelity-weight"),
        (["text.mp4", "-o", "out.mp4"], "text.mp4 is not a video that can be read"),
    ],
    ids=["no input", "no folder", "onto itself", "scale", "weight", "text"],
)
def test_upscale_says_what_is_wrong(run, film, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("no video at all\n" * 20)
    before = film.read_bytes()

    result = run("upscale", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert film.read_bytes() == before
    assert not (tmp_path / "out.mp4").exists()


def test_upscale_replaces_an_earlier_video(run, film, tmp_path):
    (tmp_path / "out.mp4").write_bytes(b"an earlier one")

    result = run("upscale", film, "-o", tmp_path / "out.mp4")

    assert result.exit_code == 0
    assert probe_video(tmp_path / "out.mp4").n_frames == 12


def test_on_a_terminal_a_bar_counts_frames_even_more_than_were_estimated(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)

    with _progress(10) as on_progress:
        on_progress(4)
        on_progress(12)

    assert "12/12" in terminal.getvalue()
    assert "fps" in terminal.getvalue()
