"""What enlarges: networks where their weights are, and never a name that pretends."""

from pathlib import Path

import pytest

from emo_hallo_ray.errors import EngineUnavailable
from emo_hallo_ray.super_resolution.methods import describe, method_of, settle_method
from emo_hallo_ray.tasks.model import TaskParams
from emo_hallo_ray.weights.layout import WeightsLayout


@pytest.fixture
def layout(tmp_path: Path) -> WeightsLayout:
    """Both files, as far as anybody looks before they are loaded."""
    layout = WeightsLayout(tmp_path)
    for path in (layout.restorer, layout.background_upscaler):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"weights")
    return layout


@pytest.mark.parametrize(
    ("faces", "background", "method"),
    [
        (None, None, "codeformer+realesrgan"),
        (True, False, "codeformer+lanczos"),
        (False, None, "realesrgan"),
        (False, False, "lanczos"),
    ],
)
def test_weights_are_used_unless_switched_off(
    layout: WeightsLayout, faces: bool | None, background: bool | None, method: str
):
    assert settle_method(layout.root, faces, background).method == method


def test_without_weights_it_is_lanczos_and_says_how_to_get_them(tmp_path: Path):
    settled = settle_method(tmp_path, None, None)
    assert settled.method == "lanczos"
    assert "hallo2/net_g.pth is missing" in settled.reason
    assert "emo-hallo models download --engine super-resolution" in settled.reason


def test_what_must_be_done_and_cannot_is_refused(layout: WeightsLayout):
    layout.restorer.unlink()
    with pytest.raises(EngineUnavailable, match=r"restore_faces cannot be done here: hallo2/net_g\.pth is missing"):
        settle_method(layout.root, True, None)
    assert settle_method(layout.root, None, None).method == "realesrgan"


def test_the_log_tells_what_is_only_resampled():
    assert method_of(TaskParams(upscale=1, restore_faces=True)) is None
    line = describe(TaskParams(upscale=4, restore_background=True))
    assert line.startswith("enlarging 4× by realesrgan; only resampled: faces (")
    both = TaskParams(upscale=2, restore_faces=True, restore_background=True)
    assert describe(both) == "enlarging 2× by codeformer+realesrgan"
