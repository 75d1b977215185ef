"""Where in the picture the face is, as features that are added to the denoiser's first feature map."""

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn


class FaceLocator(nn.Module):
    """A small convolutional encoder, 8 times down. (The original stretches it over frames; they never mix.)"""

    def __init__(self, widths: Sequence[int], width_out: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList()
        for narrow, wide in pairwise(widths):
            self.blocks += [nn.Conv2d(narrow, narrow, 3, padding=1), nn.Conv2d(narrow, wide, 3, padding=1, stride=2)]
        self.conv_out = nn.Conv2d(widths[-1], width_out, 3, padding=1)

    def forward(self, region: Tensor) -> Tensor:
        """(B, 3, H, W) in 0…1 → (B, width_out, H/8, W/8)."""
        x = F.silu(self.conv_in(region))
        for block in self.blocks:
            x = F.silu(block(x))
        return self.conv_out(x)
