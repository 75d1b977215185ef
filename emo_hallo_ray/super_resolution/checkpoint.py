"""Read the released files of super-resolution into their networks."""

from pathlib import Path
from typing import TypeVar

import torch

from emo_hallo_ray.hallo2.checkpoint import compare_keys, fill, read_state
from emo_hallo_ray.hallo2.errors import WrongCheckpoint
from emo_hallo_ray.super_resolution.codeformer import CodeFormer
from emo_hallo_ray.super_resolution.rrdbnet import RRDBNet

Network = TypeVar("Network", CodeFormer, RRDBNet)

WRAPPER = "params_ema"  # in both files: the running mean of the training's weights


def load_restorer(path: Path, device: torch.device, dtype: torch.dtype) -> CodeFormer:
    """`hallo2/net_g.pth`. Raises `FileNotFoundError` and `WrongCheckpoint`, as `load_networks` of Hallo2."""
    return _load(CodeFormer, path, device, dtype)


def load_background(path: Path, device: torch.device, dtype: torch.dtype) -> RRDBNet:
    """`realesrgan/RealESRGAN_x2plus.pth`. Raises as `load_restorer`."""
    return _load(RRDBNet, path, device, dtype)


def _load(network_class: type[Network], path: Path, device: torch.device, dtype: torch.dtype) -> Network:
    state = read_state(path, wrapped_in=WRAPPER)
    shapes = {name: tensor.shape for name, tensor in state.items()}
    try:
        with torch.device("meta"):
            network = network_class(shapes)
    except (ValueError, IndexError, AssertionError) as error:  # what torch says of layers that cannot be
        raise WrongCheckpoint("its tensors have shapes that make no such network: another model's file?") from error
    compare_keys(network, state)
    if device.type == "cuda":  # on a CPU, torch's group norm is a hundred times less exact in that layout
        network = network.to(memory_format=torch.channels_last)
    return fill(network, state, device, dtype)
