"""The recorded runs of the original's networks, and the weights that were generated for the large ones."""

import gzip
import json
from collections.abc import Mapping
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from tests.unit.hallo2.golden import PARITY


def released_shapes(name: str) -> dict[str, torch.Size]:
    """Names and shapes of a full-size file."""
    with gzip.open(PARITY / "keys" / f"{name}.json.gz", "rt") as file:
        return {key: torch.Size(shape) for key, shape in json.load(file).items()}


def generated_weights(shapes: Mapping[str, torch.Size], seed: int, gains: Mapping[str, float]) -> dict[str, Tensor]:
    """Weights by the recipe that came with the recorded runs: each tensor follows from the seed and its own name."""
    return {key: torch.from_numpy(_generated(key, tuple(shape), seed, gains)) for key, shape in shapes.items()}


def _generated(key: str, shape: tuple[int, ...], seed: int, gains: Mapping[str, float]) -> np.ndarray:
    x = np.random.RandomState(crc32(f"{seed}:{key}".encode())).standard_normal(shape)
    if len(shape) > 1:
        x *= gains.get(key, 1.0) / np.sqrt(np.prod(shape[1:]))
    else:
        x = 0.1 * x + (1.0 if key.endswith("weight") else 0.0)
    return x.astype(np.float32)
