"""The convolutional parts that both UNets share. Feature maps are (N, C, H, W), channels last in memory.

That layout makes `tokens` and `feature_map` free: a transformer sees the same memory as (N, H·W, C).
"""

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import get_timestep_embedding
from torch import Tensor, nn

from emo_hallo_ray.hallo2.kernels import Conv3x3


def tokens(x: Tensor) -> Tensor:
    """(N, C, H, W) → (N, H·W, C)."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def feature_map(x: Tensor, size: torch.Size) -> Tensor:
    """(N, H·W, C) → (N, C, H, W), the size being that of the map that the tokens came from."""
    height, width = size[-2:]
    return x.unflatten(1, (height, width)).permute(0, 3, 1, 2)


class TimeEmbedding(nn.Module):
    """Sinusoids of the timestep through two layers."""

    def __init__(self, width: int, time_width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(width, time_width)
        self.linear_2 = nn.Linear(time_width, time_width)

    def forward(self, timestep: Tensor) -> Tensor:
        """A timestep, shape (1,) → (1, time_width), activated as every resnet wants it."""
        waves = get_timestep_embedding(
            timestep, self.linear_1.in_features, flip_sin_to_cos=True, downscale_freq_shift=0
        ).to(self.linear_1.weight.dtype)
        return F.silu(self.linear_2(F.silu(self.linear_1(waves))))


class ResnetBlock(nn.Module):
    """Two convolutions around a residual."""

    def __init__(self, width_in: int, width: int, time_width: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, width_in, eps=1e-5)
        self.conv1 = Conv3x3(width_in, width)
        self.time_emb_proj = nn.Linear(time_width, width)
        self.norm2 = nn.GroupNorm(groups, width, eps=1e-5)
        self.conv2 = Conv3x3(width, width)
        if width_in != width:
            self.conv_shortcut = nn.Conv2d(width_in, width, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """The timestep is the same for all rows, so that it joins the first convolution's bias."""
        hidden = self.conv1(F.silu(self.norm1(x), inplace=True), shift=self.time_emb_proj(time)[0])
        hidden = self.conv2(F.silu(self.norm2(hidden), inplace=True))
        shortcut = self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x
        return hidden.add_(shortcut)


class Downsample(nn.Module):
    """Half the size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = Conv3x3(width, width, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Upsample(nn.Module):
    """The size of the feature map that is joined next: twice, or one less where halving had rounded up."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = Conv3x3(width, width)

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        return self.conv(F.interpolate(x, size=size[-2:], mode="nearest"))
