"""Making ready says so when memory is short, and does not take it for a compiler's fault."""

import pytest
import torch

from emo_hallo_ray.hallo2 import acceleration
from emo_hallo_ray.hallo2.sampling import ClipSampler
from emo_hallo_ray.hallo2.vae import PictureCodec
from tests.scarce_memory import Scarce
from tests.tiny_models.hallo2 import make_networks
from tests.unit.hallo2 import golden


def test_a_clip_too_large_for_memory_is_not_a_compiler_that_failed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sampler = ClipSampler(make_networks(), PictureCodec(golden.vae()))
    monkeypatch.setattr(torch, "compile", lambda predict, **_: Scarce(predict, fits=1))

    with pytest.raises(torch.OutOfMemoryError):
        acceleration.make_ready(sampler, frame_px=64, n_frames=2, compiling="on")

    assert "cannot be compiled" not in caplog.text
