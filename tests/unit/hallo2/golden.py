"""The recorded runs of the original: the same weights and inputs must give the same outputs."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file
from torch import Tensor

from emo_hallo_ray.hallo2.config import Hallo2Config
from emo_hallo_ray.hallo2.networks import Hallo2Networks
from emo_hallo_ray.hallo2.sampling import ClipSampler
from emo_hallo_ray.hallo2.vae import PictureCodec

LEVELS = range(4)
PARITY = Path(__file__).parents[2] / "data" / "parity"
GROUPS = 8  # of the golden networks; the released ones have 32


def config(case: str) -> dict[str, Any]:
    return dict(json.loads((PARITY / case / "config.json").read_text()))


@cache
def inputs(case: str) -> dict[str, Tensor]:
    return load_file(PARITY / case / "inputs.safetensors")


@cache
def outputs(case: str) -> dict[str, Tensor]:
    return load_file(PARITY / case / "outputs.safetensors")


@cache
def weights(case: str) -> dict[str, Tensor]:
    """Matrices are stored as float8, vectors as float16; the recorded runs widened exactly these values."""
    return {key: value.float() for key, value in load_file(PARITY / case / "weights.safetensors").items()}


@cache
def networks() -> Hallo2Networks:
    state = weights("net")
    with torch.device("meta"):
        model = Hallo2Networks(Hallo2Config.of_checkpoint({k: v.shape for k, v in state.items()}, groups=GROUPS))
    model.load_state_dict(state, strict=True, assign=True)
    model.eval()
    return model


def deviation(actual: Tensor, expected: Tensor) -> float:
    """The README's measure: largest difference over largest value."""
    assert actual.shape == expected.shape
    return float((actual - expected).abs().max() / expected.abs().max())


@cache
def vae() -> AutoencoderKL:
    settings = {key: value for key, value in config("vae").items() if not key.startswith("_")}
    model = AutoencoderKL(**settings)
    model.load_state_dict(weights("vae"))
    return model.eval()


def sampler() -> ClipSampler:
    return ClipSampler(networks(), PictureCodec(vae()))


def recorded_masks(inputs: dict[str, Tensor]) -> list[Tensor]:
    """Per level, the three regions side by side."""
    return [torch.stack([inputs[f"{r}_mask.{level}"][0] for r in ("full", "face", "lip")], -1) for level in LEVELS]


def chunks() -> list[dict[str, Any]]:
    """How the original cuts a video for its restorer."""
    return list(json.loads((PARITY / "codeformer" / "chunks.json").read_text()))
