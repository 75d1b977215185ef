"""RealESRGAN's network: pictures of anything, enlarged twice. Names as in `RealESRGAN_x2plus.pth`.

Source: "ESRGAN" (arXiv:1809.00219), "Real-ESRGAN" (arXiv:2107.10833).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emo_hallo_ray.hallo2.errors import WrongCheckpoint
from emo_hallo_ray.super_resolution.vq_blocks import Shapes

RESIDUAL_SHARE = 0.2
SLOPE = 0.2
FACTOR = 2


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees all that was there before."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        for i in range(4):
            setattr(self, f"conv{i + 1}", nn.Conv2d(width + i * growth, growth, 3, padding=1))
        self.conv5 = nn.Conv2d(width + 4 * growth, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat([seen, F.leaky_relu(conv(seen), SLOPE, inplace=True)], dim=1)
        return x + RESIDUAL_SHARE * self.conv5(seen)


class ResidualDenseBlocks(nn.Module):
    """Three of them around a residual."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(width, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return x + RESIDUAL_SHARE * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(nn.Module):
    """Sizes are read off a checkpoint's shapes.

    Raises:
        WrongCheckpoint: a tensor that tells a size is missing, or the network is not one that enlarges twice.
    """

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        try:
            width, channels_in = shapes["conv_first.weight"][:2]
            growth = shapes["body.0.rdb1.conv1.weight"][0]
            channels = shapes["conv_last.weight"][0]
        except KeyError as missing:
            raise WrongCheckpoint(f"it has no tensor {missing}: another model's file?") from None
        if channels_in != channels * FACTOR**2:
            raise WrongCheckpoint(f"it takes {channels_in} channels, not the {channels * FACTOR**2} of a ×2 network")
        n_blocks = len({name.split(".")[1] for name in shapes if name.startswith("body.")})
        self.conv_first = nn.Conv2d(channels_in, width, 3, padding=1)
        self.body = nn.Sequential(*(ResidualDenseBlocks(width, growth) for _ in range(n_blocks)))
        self.conv_body, self.conv_up1, self.conv_up2, self.conv_hr = (
            nn.Conv2d(width, width, 3, padding=1) for _ in range(4)
        )
        self.conv_last = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) in 0…1 → (N, 3, 2·H, 2·W); any sides of 2 and more."""
        height, width = pictures.shape[-2:]
        pictures = F.pad(pictures, (0, width % 2, 0, height % 2), mode="reflect")
        x = self.conv_first(F.pixel_unshuffle(pictures, FACTOR))
        x = x + self.conv_body(self.body(x))
        for conv in (self.conv_up1, self.conv_up2):
            x = F.leaky_relu(conv(F.interpolate(x, scale_factor=2.0, mode="nearest")), SLOPE, inplace=True)
        x = self.conv_last(F.leaky_relu(self.conv_hr(x), SLOPE, inplace=True))
        return x[..., : FACTOR * height, : FACTOR * width]
