"""Read `net.pth` into the networks: straight into their own memory, in their own type, one tensor at a time."""

import ctypes
import mmap
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

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
    state = _map(path)
    config = Hallo2Config.of_checkpoint({name: tensor.shape for name, tensor in state.items()}, heads, groups)
    with torch.device("meta"):
        networks = Hallo2Networks(config)
    compare_keys(networks, state)
    networks.forget_unused()
    networks = networks.to(dtype).to(memory_format=torch.channels_last).to_empty(device=device)
    with torch.no_grad():
        for name, own in networks.state_dict().items():
            own.copy_(state[name])
            _give_pages_back(state[name])
    return networks.eval().requires_grad_(False)


def compare_keys(networks: Hallo2Networks, state: Mapping[str, Tensor]) -> None:
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


def _map(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except FileNotFoundError:
        raise
    except pickle.UnpicklingError as error:
        raise WrongCheckpoint("it holds more than tensors, which is not safe to load") from error
    except (RuntimeError, EOFError, ValueError) as error:
        raise WrongCheckpoint("it cannot be read as a PyTorch checkpoint: cut short, or something else") from error
    if not (isinstance(state, dict) and state and all(isinstance(value, Tensor) for value in state.values())):
        raise WrongCheckpoint("it is no state dict")
    return state


def _give_pages_back(tensor: Tensor) -> None:
    """Tell the system that a mapped tensor is done with, else its pages count as ours until the file is closed."""
    if not sys.platform.startswith("linux"):
        return
    start = -(-tensor.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    end = (tensor.data_ptr() + tensor.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
    if end > start:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)
