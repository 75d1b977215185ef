"""Read `net.pth` into the networks: straight into their own memory, in their own type, one tensor at a time."""

import ctypes
import mmap
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from emo_hallo_ray.hallo2.config import Hallo2Config
from emo_hallo_ray.hallo2.errors import WrongCheckpoint
from emo_hallo_ray.hallo2.networks import Hallo2Networks

N_NAMED = 3  # keys that an error message names


def load_networks(
    path: Path, device: torch.device, dtype: torch.dtype, heads: int = 8, groups: int = 32
) -> Hallo2Networks:
    """Build the networks that the file is of, and fill them.

    The file is mapped, not read: its pages are given back as soon as their tensor is copied, so that the memory in use
    never exceeds the networks' own size by more than one tensor.

    Args:
        heads, groups: of attentions and group norms, which leave no trace in the file.

    Raises:
        FileNotFoundError: there is no such file.
        WrongCheckpoint: it is cut short, no checkpoint, or another model's.
    """
    state = read_state(path)
    config = Hallo2Config.of_checkpoint({name: tensor.shape for name, tensor in state.items()}, heads, groups)
    with torch.device("meta"):
        networks = Hallo2Networks(config)
    compare_keys(networks, state)
    networks.forget_unused()
    return fill(networks.to(memory_format=torch.channels_last), state, device, dtype)


Network = TypeVar("Network", bound=nn.Module)


def fill(network: Network, state: Mapping[str, Tensor], device: torch.device, dtype: torch.dtype) -> Network:
    """Give a network on the meta device memory and the tensors of a state that `read_state` mapped."""
    network = network.to(dtype).to_empty(device=device)
    with torch.no_grad():
        for name, own in network.state_dict().items():
            own.copy_(state[name])
            _give_pages_back(state[name])
    return network.eval().requires_grad_(False)


def compare_keys(networks: nn.Module, state: Mapping[str, Tensor]) -> None:
    """The checkpoint must have exactly the networks' tensors.

    Raises:
        WrongCheckpoint: it has others, or of other shapes.
    """
    own = {name: tensor.shape for name, tensor in networks.state_dict().items()}
    shapes = {name: tensor.shape for name, tensor in state.items()}
    problems = {
        "it lacks": sorted(own.keys() - shapes.keys()),
        "it should not have": sorted(shapes.keys() - own.keys()),
        "of another shape": sorted(name for name in own.keys() & shapes.keys() if own[name] != shapes[name]),
    }
    told = [
        f"{problem} {', '.join(names[:N_NAMED])}" + (f" and {len(names) - N_NAMED} more" if names[N_NAMED:] else "")
        for problem, names in problems.items()
        if names
    ]
    if told:
        raise WrongCheckpoint("; ".join(told))


def read_state(path: Path, wrapped_in: str | None = None) -> dict[str, Tensor]:
    """Map a state dict; nothing is read yet.

    Args:
        wrapped_in: the key under which the file keeps it, if it keeps it under one.

    Raises:
        FileNotFoundError: there is no such file.
        WrongCheckpoint: it is cut short, or no checkpoint of tensors.
    """
    try:
        state = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except FileNotFoundError:
        raise
    except pickle.UnpicklingError as error:
        raise WrongCheckpoint("it holds more than tensors, which is not safe to load") from error
    except (RuntimeError, EOFError, ValueError, OSError) as error:  # some archives cut short are "invalid arguments"
        raise WrongCheckpoint("it cannot be read as a PyTorch checkpoint: cut short, or something else") from error
    if wrapped_in is not None and isinstance(state, dict):
        state = state.get(wrapped_in)
    if not (isinstance(state, dict) and state and all(isinstance(value, Tensor) for value in state.values())):
        raise WrongCheckpoint("it is no state dict" + (f" under '{wrapped_in}'" if wrapped_in else ""))
    return state


def _give_pages_back(tensor: Tensor) -> None:
    """Tell the system that a mapped tensor is done with, else its pages count as ours until the file is closed."""
    if not sys.platform.startswith("linux"):
        return
    start = -(-tensor.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    end = (tensor.data_ptr() + tensor.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
    if end > start:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)
