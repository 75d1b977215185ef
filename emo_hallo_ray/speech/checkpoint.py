"""wav2vec2 from the folder it was released in, checked before it is used."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import Wav2Vec2Config, Wav2Vec2Model

from emo_hallo_ray.errors import UnusableModelFile
from emo_hallo_ray.speech.recording import FIRST_KERNEL, FIRST_STRIDE

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
# what the network has to be for `SpeechEncoder` to walk through it
REQUIRED = {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False, "add_adapter": False}
WEIGHT_NORM = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
UNUSED = "masked_spec_embed"  # of training


def load_wav2vec(folder: Path) -> Wav2Vec2Model:
    """The network in float32 on the CPU, ready for inference.

    Raises:
        UnusableModelFile: a file is missing, cut short or another model's.
    """
    config = _read_config(folder / "config.json")
    weights_file = next((folder / name for name in WEIGHT_FILES if (folder / name).is_file()), folder / WEIGHT_FILES[0])
    weights = _translated(_read_weights(weights_file))
    with torch.device("meta"):
        model = Wav2Vec2Model(config)
    expected = {name: tensor.shape for name, tensor in model.state_dict().items() if name != UNUSED}
    found = {name: tensor for name, tensor in weights.items() if name in expected}
    for name, shape in expected.items():
        if name not in found:
            raise _unusable(weights_file, f"it has no {name}")
        if found[name].shape != shape:
            raise _unusable(weights_file, f"{name} is {[*found[name].shape]} and not {[*shape]}")
    model.load_state_dict({**found, UNUSED: torch.zeros(config.hidden_size)}, strict=False, assign=True)
    model.requires_grad_(False)
    model.train(False)
    return model


def _read_config(path: Path) -> Wav2Vec2Config:
    if not path.is_file():
        raise _unusable(path, "it is missing")
    try:
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if fields.get("model_type") != "wav2vec2":
            raise _unusable(path, f"model_type is {fields.get('model_type')!r} and not 'wav2vec2'")
        config = Wav2Vec2Config.from_dict(fields)
    except UnusableModelFile:
        raise
    except Exception as error:  # of JSON, or whichever class transformers' validation raises
        raise _unusable(path, "it is damaged or cut short") from error
    for name, wanted in REQUIRED.items():
        if getattr(config, name) != wanted:
            raise _unusable(path, f"{name} is {getattr(config, name)!r} and not {wanted!r}")
    if (config.conv_kernel[0], config.conv_stride[0]) != (FIRST_KERNEL, FIRST_STRIDE):
        raise _unusable(path, "its first convolution is not wav2vec2's")
    return config


def _read_weights(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise _unusable(path, "it is missing, and so is pytorch_model.bin")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        weights: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor for name, tensor in weights.items() if isinstance(tensor, Tensor)}
    except Exception as error:  # safetensors, pickle, zip and torch each have their own
        raise _unusable(path, "it is damaged or cut short") from error


def _translated(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names as the network without its speech recogniser has them, whichever release wrote the file."""
    translated = {}
    for name, tensor in weights.items():
        stem, _, last = name.removeprefix("wav2vec2.").rpartition(".")
        translated[f"{stem}.{WEIGHT_NORM.get(last, last)}".removeprefix(".")] = tensor.float()
    return translated


def _unusable(path: Path, problem: str) -> UnusableModelFile:
    name = "/".join(path.parts[-3:])
    return UnusableModelFile(f"the speech model's file {name} cannot be used: {problem}")
