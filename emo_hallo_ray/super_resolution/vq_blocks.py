"""The convolutional blocks of CodeFormer's autoencoder, built from a checkpoint's shapes.

A checkpoint names the blocks of a chain by number only; what each of them is shows in the names of its tensors. Names
and arithmetic are those of VQGAN (arXiv:2012.09841).
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Shapes = Mapping[str, torch.Size]

N_GROUPS = 32


def build_chain(shapes: Shapes, prefix: str, resampler: type[nn.Module]) -> nn.ModuleList:
    """The blocks `prefix`0, `prefix`1, ... of a checkpoint.

    Args:
        resampler: what a block of one inner convolution is, `Shrink` or `Enlarge`.
    """
    numbers = {name.removeprefix(prefix).split(".")[0] for name in shapes if name.startswith(prefix)}
    if not numbers:
        raise KeyError(f"{prefix}0")
    return nn.ModuleList([_build_block(shapes, f"{prefix}{i}.", resampler) for i in range(len(numbers))])


def _build_block(shapes: Shapes, prefix: str, resampler: type[nn.Module]) -> nn.Module:
    if f"{prefix}q.weight" in shapes:
        return AttentionBlock(shapes[f"{prefix}q.weight"][0])
    if f"{prefix}conv1.weight" in shapes:
        width, width_in = shapes[f"{prefix}conv1.weight"][:2]
        return ResidualBlock(width_in, width)
    if f"{prefix}conv.weight" in shapes:
        return resampler(shapes[f"{prefix}conv.weight"][0])
    own = shapes[f"{prefix}weight"]
    return norm(own[0]) if len(own) == 1 else nn.Conv2d(own[1], own[0], 3, padding=1)


def norm(width: int) -> nn.GroupNorm:
    """Group norm as everywhere in this network."""
    return nn.GroupNorm(N_GROUPS, width, eps=1e-6)


class ResidualBlock(nn.Module):
    """Two convolutions around a residual."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.norm1 = norm(width_in)
        self.conv1 = nn.Conv2d(width_in, width, 3, padding=1)
        self.norm2 = norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        if width_in != width:
            self.conv_out = nn.Conv2d(width_in, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(F.silu(self.norm1(x), inplace=True))
        hidden = self.conv2(F.silu(self.norm2(hidden), inplace=True))
        return hidden.add_(self.conv_out(x) if hasattr(self, "conv_out") else x)


class AttentionBlock(nn.Module):
    """Self-attention over all pixels, with one head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = norm(width)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        n = self.norm(x)
        q, k, v = (project(n).flatten(2).mT for project in (self.q, self.k, self.v))
        attended = F.scaled_dot_product_attention(q, k, v).mT.unflatten(2, x.shape[2:])
        return x + self.proj_out(attended)


class Shrink(nn.Module):
    """Half the size; the one pixel that is missing is added at the right and the bottom."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Enlarge(nn.Module):
    """Twice the size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Fusion(nn.Module):
    """What the encoder saw bends what the generator makes: a scale and a shift for each pixel and channel."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.encode_enc = ResidualBlock(width_in, width)
        self.scale, self.shift = (
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(width, width, 3, padding=1),
            )
            for _ in range(2)
        )

    def forward(self, seen: Tensor, made: Tensor, fidelity: float) -> Tensor:
        both = self.encode_enc(torch.cat([seen, made], dim=1))
        return made + fidelity * (made * self.scale(both) + self.shift(both))
