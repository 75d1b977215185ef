"""The network that reads the portrait and the last frames, once per clip, for the denoiser to look at."""

import torch
from torch import Tensor, nn

from emo_hallo_ray.hallo2.config import UNetConfig
from emo_hallo_ray.hallo2.kernels import Conv3x3
from emo_hallo_ray.hallo2.layers import Downsample, ResnetBlock, TimeEmbedding, Upsample
from emo_hallo_ray.hallo2.spatial import SpatialTransformer
from emo_hallo_ray.hallo2.unet_plan import BlockPlan, UNetPlan

Bank = dict[str, Tensor]  # by module path: (rows, L, C), the input of each self-attention


class ReferenceBlock(nn.Module):
    """Resnets, with a spatial transformer beside each where the plan says so."""

    def __init__(self, plan: BlockPlan, config: UNetConfig) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(
            [ResnetBlock(width_in, plan.width, config.time_width, config.groups) for width_in in plan.resnet_inputs]
        )
        if plan.has_attention:
            self.attentions = nn.ModuleList(
                [
                    SpatialTransformer(plan.width, config.identity_width, config.heads, config.groups)
                    for _ in plan.audio_widths
                ]
            )

    def layer(self, index: int, x: Tensor, time: Tensor, identity: Tensor, bank: Bank, path: str) -> Tensor:
        """Run one layer and put down what its attention saw."""
        x = self.resnets[index](x, time)
        return self.attend(index, x, identity, bank, path)

    def attend(self, index: int, x: Tensor, identity: Tensor, bank: Bank, path: str) -> Tensor:
        """The layer's transformer, where it has one."""
        if not hasattr(self, "attentions"):
            return x
        x, bank[f"{path}.attentions.{index}.transformer_blocks.0"] = self.attentions[index].write(x, identity)
        return x


class ReferenceUNet(nn.Module):
    """Stable Diffusion's UNet without its end: only what its self-attentions see is of use."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        plan = UNetPlan.make(config)
        self.conv_in = Conv3x3(config.latent_channels, config.widths[0])
        self.time_embedding = TimeEmbedding(config.widths[0], config.time_width)
        self.down_blocks = nn.ModuleList([_down_block(block, config) for block in plan.down])
        self.mid_block = ReferenceBlock(plan.middle, config)
        self.up_blocks = nn.ModuleList([_up_block(block, config) for block in plan.up])

    def forward(self, latents: Tensor, identity: Tensor) -> tuple[Tensor, Bank]:
        """Read pictures at timestep 0.

        Args:
            latents: (N, 4, h, w).
            identity: (N, T, C) tokens for each.

        Returns:
            The last feature map, which the denoiser has no use for, and the bank, which it reads.
        """
        bank: Bank = {}
        time = self.time_embedding(torch.zeros(1, device=latents.device))
        x = self.conv_in(latents.contiguous(memory_format=torch.channels_last))
        skips = [x]
        for i, block in enumerate(self.down_blocks):
            for j in range(len(block.resnets)):
                x = block.layer(j, x, time, identity, bank, f"down_blocks.{i}")
                skips.append(x)
            if hasattr(block, "downsamplers"):
                x = block.downsamplers[0](x)
                skips.append(x)

        x = self.mid_block.layer(0, x, time, identity, bank, "mid_block")
        x = self.mid_block.resnets[1](x, time)

        for i, block in enumerate(self.up_blocks):
            for j in range(len(block.resnets)):
                joined = torch.cat([x, skips.pop()], dim=1)
                x = block.layer(j, joined, time, identity, bank, f"up_blocks.{i}")
            if hasattr(block, "upsamplers"):
                x = block.upsamplers[0](x, skips[-1].shape)
        return x, bank


def _down_block(plan: BlockPlan, config: UNetConfig) -> ReferenceBlock:
    block = ReferenceBlock(plan, config)
    if plan.changes_size:
        block.downsamplers = nn.ModuleList([Downsample(plan.width)])
    return block


def _up_block(plan: BlockPlan, config: UNetConfig) -> ReferenceBlock:
    block = ReferenceBlock(plan, config)
    if plan.changes_size:
        block.upsamplers = nn.ModuleList([Upsample(plan.width)])
    return block
