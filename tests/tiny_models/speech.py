"""A tiny wav2vec2 folder and a tiny vocal separator."""

import json
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from transformers import Wav2Vec2Config, Wav2Vec2Model


def write_wav2vec(folder: Path, layers: int = 3, width: int = 32, seed: int = 0) -> Path:
    """Write config.json, model.safetensors and preprocessor_config.json with the released file's names of tensors."""
    folder.mkdir(parents=True, exist_ok=True)
    config = Wav2Vec2Config(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=48,
        conv_dim=(16, 12, 16, 8, 12, 16, 24),
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        vocab_size=32,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Wav2Vec2Model(config)
        # the initial weights are too small for layers to differ, and biases are zeros
        weights = {name: torch.randn_like(tensor) * _spread(tensor) for name, tensor in model.state_dict().items()}
    released = {f"wav2vec2.{_released_name(name)}": tensor.contiguous() for name, tensor in weights.items()}
    save_file({**released, "lm_head.weight": torch.zeros(32, width), "lm_head.bias": torch.zeros(32)}, _weights(folder))
    fields = {**config.to_dict(), "model_type": "wav2vec2", "architectures": ["Wav2Vec2ForCTC"]}
    (folder / "config.json").write_text(json.dumps(fields))
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"do_normalize": True, "sampling_rate": 16_000, "return_attention_mask": False})
    )
    return folder


def write_separator(path: Path, gain: ArrayLike = 1.0, n_bins: int = 1024, n_frames: int = 16) -> Path:
    """Write a model of MDX-Net's shape whose vocals are everything, times `gain`, a number or (4, n_bins, n_frames)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = ["batch", 4, n_bins, n_frames]
    graph = helper.make_graph(
        [helper.make_node("Mul", ["input", "gain"], ["output"])],
        "separator",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.asarray(gain, np.float32), "gain")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path


def _weights(folder: Path) -> Path:
    return folder / "model.safetensors"


def _released_name(name: str) -> str:
    """The released file is older than torch's parametrizations."""
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    for new_end, old_end in old.items():
        name = name.replace(new_end, old_end)
    return name


def _spread(tensor: torch.Tensor) -> float:
    """Keeps the size of what passes through."""
    return 0.3 if tensor.ndim < 2 else float(tensor[0].numel()) ** -0.5
