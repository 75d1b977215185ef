"""Enlargement through the whole service, on small networks in the released layout."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from emo_hallo.client import Hallo2Client
from emo_hallo_ray.media.video import read_frames
from emo_hallo_ray.weights.layout import WeightsLayout
from tests.e2e.conftest import PORTRAIT, SPEECH, cut_speech
from tests.live_service import LiveService, live_service
from tests.tiny_models.super_resolution import write_background, write_restorer

FRAME_PX = 256


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    layout = WeightsLayout(tmp_path_factory.mktemp("weights"))
    write_restorer(layout.restorer)
    write_background(layout.background_upscaler)
    settings = {
        "weights__root": str(layout.root),
        "video__clips_per_segment": "1",
        "video__frame_px": str(FRAME_PX),
    }
    with live_service(tmp_path_factory.mktemp("service"), settings=settings) as running:
        yield running


def test_faces_and_background_are_drawn_anew_and_named(service: LiveService, tmp_path: Path) -> None:
    speech = cut_speech(SPEECH, tmp_path / "short.wav", seconds=0.7, repeat=1)
    with Hallo2Client(service.base_url) as client:
        task_id = client.inference(PORTRAIT, speech, engine="preview", upscale=2, fidelity_weight=0.8)
        task = client.wait(task_id, timeout_s=200)
        client.download(task_id, tmp_path / "out.mp4")
        log = client.logs(task_id)
    assert task.result is not None
    assert task.result["upscaling"] == "codeformer+realesrgan"
    assert "enlarging 2× by codeformer+realesrgan" in log
    assert read_frames(tmp_path / "out.mp4", 0, 100).shape == (18, 2 * FRAME_PX, 2 * FRAME_PX, 3)


def test_what_is_switched_off_is_resampled(service: LiveService, tmp_path: Path) -> None:
    speech = cut_speech(SPEECH, tmp_path / "short.wav", seconds=0.7, repeat=1)
    with Hallo2Client(service.base_url) as client:
        options = {"restore_faces": False, "restore_background": False}
        result = client.wait(client.inference(PORTRAIT, speech, upscale=4, **options), timeout_s=100).result
    assert result is not None
    assert (result["upscaling"], result["width"]) == ("lanczos", 4 * FRAME_PX)


def test_fidelity_out_of_range_is_refused(service: LiveService) -> None:
    with PORTRAIT.open("rb") as image, SPEECH.open("rb") as audio:
        answer = httpx.post(
            f"{service.base_url}/api/v1/inference/hallo2",
            files={"image_file": image, "audio_file": audio},
            data={"fidelity_weight": "1.5"},
        )
    assert answer.status_code == 400
    assert "'fidelity_weight'" in answer.json()["detail"]
