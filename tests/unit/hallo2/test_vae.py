"""The autoencoder in whatever batches fit."""

from collections.abc import Iterator

import pytest
import torch

from emo_hallo_ray.hallo2.vae import PictureCodec
from tests.scarce_memory import Scarce
from tests.unit.hallo2 import golden
from tests.unit.hallo2.golden import deviation


@pytest.fixture
def codec(monkeypatch: pytest.MonkeyPatch) -> Iterator[PictureCodec]:
    vae = golden.vae()
    for name in ("encode", "decode"):
        monkeypatch.setattr(vae, name, Scarce(getattr(vae, name), fits=1), raising=False)
    with torch.inference_mode():
        yield PictureCodec(vae, batch=4)


@pytest.mark.parametrize(("way", "shape"), [("encode", (6, 3, 32, 32)), ("decode", (6, 4, 4, 4))])
def test_what_does_not_fit_together_is_computed_apart(codec: PictureCodec, way: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = torch.rand(shape)
    memory = getattr(codec.vae, way)

    in_parts = getattr(codec, way)(x)
    asked = list(memory.asked)
    memory.fits = 4
    undisturbed = getattr(PictureCodec(codec.vae, batch=4), way)(x)

    assert deviation(in_parts, undisturbed) < 1e-5
    assert asked == [4, 2, 1, 1, 1, 1, 1, 1]
    assert codec.batches.size == 1
