"""`render`: what reaches the renderer, and how its outcome is told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emo_hallo_ray.errors import EmoHalloError, MediaToolFailed, NoFaceFound
from emo_hallo_ray.render import RenderRequest, RenderResult


class FakeRenderer:
    """Remembers the request instead of rendering it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.request: RenderRequest | None = None
        self.error = error
        self.warnings: list[str] = []

    def __call__(self, request: RenderRequest, on_progress: Callable[[int, str], None]) -> RenderResult:
        self.request = request
        on_progress(50, "half way")
        if self.error:
            raise self.error
        return RenderResult(request.output, 2.0, 50, 512, 512, "preview", {"generation": 1.25}, self.warnings)


@pytest.fixture
def renderer(monkeypatch) -> FakeRenderer:
    renderer = FakeRenderer()
    monkeypatch.setattr("emo_hallo_ray.render.render", renderer)
    return renderer


def test_render_passes_what_was_given_and_leaves_the_rest_to_the_renderer(run, renderer, portrait, speech, tmp_path):
    output = tmp_path / "out.mp4"

    result = run("render", "-i", portrait, "-a", speech, "-o", output, "--seed=7", "--upscale=2", "--no-cache")

    assert result.exit_code == 0
    assert renderer.request == RenderRequest(portrait, speech, output, seed=7, upscale=2, use_cache=False)


def test_render_passes_the_preset_and_leaves_its_steps_to_the_renderer(run, renderer, portrait, speech, tmp_path):
    output = tmp_path / "out.mp4"

    run("render", "-i", portrait, "-a", speech, "-o", output, "--preset=draft")

    assert renderer.request == RenderRequest(portrait, speech, output, preset="draft", inference_steps=None)


def test_render_prints_the_path_and_tells_the_rest_on_stderr(run, renderer, portrait, speech, tmp_path):
    output = tmp_path / "out.mp4"

    result = run("render", "-i", portrait, "-a", speech, "-o", output)

    assert result.stdout == f"{output}\n"
    assert result.stderr == "2.0 s, 50 frames, 512×512, preview engine (generation 1.2 s)\n"


def test_render_tells_what_may_have_spoilt_the_video(run, renderer, portrait, speech, tmp_path):
    renderer.warnings.append("the face is turned by about 50 degrees")

    result = run("render", "-i", portrait, "-a", speech, "-o", tmp_path / "out.mp4")

    assert result.stderr.startswith("warning: the face is turned by about 50 degrees\n")


@pytest.mark.parametrize(
    ("error", "exit_code", "line"),
    [
        (NoFaceFound(hint="one face, from the front"), 2, "No face was found in the image (one face, from the front)"),
        (MediaToolFailed("ffmpeg failed"), 1, "ffmpeg failed"),
        (OSError(28, "No space left on device"), 1, "[Errno 28] No space left on device"),
    ],
    ids=["bad input", "failure", "full disk"],
)
def test_render_errors_are_one_line_and_an_exit_code(
    run, renderer, portrait, speech, tmp_path: Path, error: EmoHalloError, exit_code: int, line: str
):
    renderer.error = error

    result = run("render", "-i", portrait, "-a", speech, "-o", tmp_path / "out.mp4")

    assert (result.exit_code, result.stdout, result.stderr) == (exit_code, "", f"{line}\n")


def test_render_refuses_a_missing_folder_before_rendering(run, renderer, portrait, speech, tmp_path):
    result = run("render", "-i", portrait, "-a", speech, "-o", tmp_path / "nowhere" / "out.mp4")

    assert result.exit_code == 2
    assert renderer.request is None
