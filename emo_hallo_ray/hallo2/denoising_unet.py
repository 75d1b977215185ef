"""The network that predicts one denoising step for all frames of a clip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emo_hallo_ray.hallo2.audio import AudioConstants, AudioTransformer
from emo_hallo_ray.hallo2.config import UNetConfig
from emo_hallo_ray.hallo2.kernels import Conv3x3
from emo_hallo_ray.hallo2.layers import Downsample, ResnetBlock, TimeEmbedding, Upsample
from emo_hallo_ray.hallo2.motion import MotionConstants, MotionModule
from emo_hallo_ray.hallo2.spatial import SpatialConstants, SpatialTransformer
from emo_hallo_ray.hallo2.unet_plan import BlockPlan, UNetPlan


@dataclass(frozen=True)
class LayerConstants:
    """What one layer's three transformers keep over a clip's steps."""

    spatial: SpatialConstants
    audio: AudioConstants
    motion: MotionConstants

    def conditional(self) -> "LayerConstants":
        """Those of the conditional half alone."""
        return LayerConstants(self.spatial.conditional(), self.audio.conditional(), self.motion.conditional())

    def unconditional(self) -> "LayerConstants":
        """Those of the unconditional half alone."""
        return LayerConstants(self.spatial.unconditional(), self.audio.unconditional(), self.motion.unconditional())


@dataclass(frozen=True)
class ClipConstants:
    """What the whole network keeps over a clip's steps.

    Attributes:
        layers: by the path of the layer's spatial transformer.
        face: face locator features to add to the first feature map, (halves, F or 1, C, h, w).
    """

    layers: Mapping[str, LayerConstants]
    face: Tensor

    def conditional(self) -> "ClipConstants":
        """Those for steps without guidance."""
        return ClipConstants({path: layer.conditional() for path, layer in self.layers.items()}, self.face[-1:])

    def unconditional(self) -> "ClipConstants":
        """Those of the unconditional half alone, of two."""
        return ClipConstants({path: layer.unconditional() for path, layer in self.layers.items()}, self.face[:1])

    def of(self, halves: slice) -> "ClipConstants":
        """Those of some of the halves that are here."""
        if halves == slice(0, len(self.face)):
            return self
        return self.conditional() if halves.start else self.unconditional()


@dataclass(frozen=True)
class Conditions:
    """Everything that a clip is made from, for one half (conditional) or two (unconditional first).

    Attributes:
        bank: what the reference network wrote, by module path: (halves·s, L, C), s being one reference picture and
            then the motion frames.
        identity: (halves, T, C) tokens.
        speech: (F, T, C) tokens of each frame. The unconditional half hears nothing.
        face: (F or 1, C, h, w) face locator features. The unconditional half gets none.
        masks: per level, finest first, (L, 3): how much of each pixel is background, face, lips.
        region_weights: (3,) how strongly speech moves them.
    """

    bank: Mapping[str, Tensor]
    identity: Tensor
    speech: Tensor
    face: Tensor
    masks: Sequence[Tensor]
    region_weights: Tensor


class DenoisingBlock(nn.Module):
    """Layers of resnet, spatial transformer, audio transformer and motion module.

    The blocks without attention have motion modules too, in the checkpoint, which the original never runs.
    """

    def __init__(self, plan: BlockPlan, config: UNetConfig) -> None:
        super().__init__()
        self.level = plan.level
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
            self.audio_modules = nn.ModuleList(
                [
                    AudioTransformer(plan.width, inner, config.audio_width, config.heads, config.groups)
                    for inner in plan.audio_widths
                ]
            )
        self.motion_modules = nn.ModuleList([MotionModule(plan.width, config.heads) for _ in plan.audio_widths])

    def prepare(self, path: str, conditions: Conditions, size: torch.Size) -> dict[str, LayerConstants]:
        """The constants of every layer with attention. `size` ends with the height and width at this level."""
        if not hasattr(self, "attentions"):
            return {}
        constants = {}
        for i, (spatial, audio, motion) in enumerate(
            zip(self.attentions, self.audio_modules, self.motion_modules, strict=True)
        ):
            attention_path = f"{path}.attentions.{i}"
            written = conditions.bank[f"{attention_path}.transformer_blocks.0"]
            rows = written.unflatten(0, (len(conditions.identity), -1))
            constants[attention_path] = LayerConstants(
                spatial.prepare(rows[:, 0], conditions.identity),
                audio.prepare(conditions.speech, conditions.masks[self.level], conditions.region_weights),
                motion.prepare(rows[:, 1:], size),
            )
        return constants

    def layer(self, index: int, path: str, x: Tensor, time: Tensor, constants: ClipConstants) -> Tensor:
        """Run one layer."""
        x = self.resnets[index](x, time)
        if not hasattr(self, "attentions"):
            return x
        of_layer = constants.layers[f"{path}.attentions.{index}"]
        x = self.attentions[index].read(x, of_layer.spatial)
        x = self.audio_modules[index](x, of_layer.audio)
        return self.motion_modules[index](x, of_layer.motion)


class DenoisingUNet(nn.Module):
    """Stable Diffusion's UNet over the frames of a clip, with audio transformers and motion modules."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        plan = UNetPlan.make(config)
        self.conv_in = Conv3x3(config.latent_channels, config.widths[0])
        self.time_embedding = TimeEmbedding(config.widths[0], config.time_width)
        self.down_blocks = nn.ModuleList([_down_block(block, config) for block in plan.down])
        self.mid_block = DenoisingBlock(plan.middle, config)
        self.up_blocks = nn.ModuleList([_up_block(block, config) for block in plan.up])
        self.conv_norm_out = nn.GroupNorm(config.groups, config.widths[0], eps=1e-5)
        self.conv_out = Conv3x3(config.widths[0], config.latent_channels)

    def prepare(self, conditions: Conditions) -> ClipConstants:
        """Compute once per clip what every step needs."""
        n_levels = len(self.down_blocks)
        sizes = [conditions.face.shape[-2:]]
        for _ in range(n_levels - 1):
            sizes.append(torch.Size(-(-side // 2) for side in sizes[-1]))
        layers: dict[str, LayerConstants] = {}
        for path, block in self.blocks():
            layers |= block.prepare(path, conditions, sizes[block.level])
        nothing = torch.zeros_like(conditions.face)
        halves = [nothing, conditions.face] if len(conditions.identity) == 2 else [conditions.face]
        return ClipConstants(layers, torch.stack(halves))

    def forward(self, latents: Tensor, timestep: Tensor, constants: ClipConstants) -> Tensor:
        """Predict v.

        Args:
            latents: (halves·F, 4, h, w), the unconditional half first.
            timestep: (1,).
            constants: of `prepare`, for as many halves.
        """
        return self.predict(latents, timestep, constants)[0]

    def predict(
        self, latents: Tensor, timestep: Tensor, constants: ClipConstants, inside: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Predict v, and return what came from the levels below the finest.

        Args:
            inside: that, of an earlier step: only the finest level is computed then.
        """
        x, skips, time = self._enter(latents, timestep, constants)
        x = self._descend(0, self.down_blocks[0], x, skips, time, constants)
        if inside is None:
            inside = self._pass_through_inside(x, skips, time, constants)
        # the downsampled map at the end is for the inside alone
        skips = skips[: len(self.up_blocks[-1].resnets)]
        x = self._ascend(len(self.up_blocks) - 1, self.up_blocks[-1], inside, skips, time, constants)
        return self.conv_out(F.silu(self.conv_norm_out(x), inplace=True)), inside

    def _pass_through_inside(self, x: Tensor, skips: list[Tensor], time: Tensor, constants: ClipConstants) -> Tensor:
        for i, block in enumerate(self.down_blocks[1:], start=1):
            x = self._descend(i, block, x, skips, time, constants)
        x = self.mid_block.layer(0, "mid_block", x, time, constants)
        x = self.mid_block.resnets[1](x, time)
        for i, block in enumerate(self.up_blocks[:-1]):
            x = self._ascend(i, block, x, skips, time, constants)
        return x

    def _enter(
        self, latents: Tensor, timestep: Tensor, constants: ClipConstants
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        x = self.conv_in(latents.contiguous(memory_format=torch.channels_last))
        n_frames = len(latents) // len(constants.face)
        x = (x.unflatten(0, (-1, n_frames)) + constants.face).flatten(0, 1)
        return x, [x], self.time_embedding(timestep)

    def _descend(
        self, i: int, block: DenoisingBlock, x: Tensor, skips: list[Tensor], time: Tensor, constants: ClipConstants
    ) -> Tensor:
        for j in range(len(block.resnets)):
            x = block.layer(j, f"down_blocks.{i}", x, time, constants)
            skips.append(x)
        if hasattr(block, "downsamplers"):
            x = block.downsamplers[0](x)
            skips.append(x)
        return x

    def _ascend(
        self, i: int, block: DenoisingBlock, x: Tensor, skips: list[Tensor], time: Tensor, constants: ClipConstants
    ) -> Tensor:
        for j in range(len(block.resnets)):
            x = block.layer(j, f"up_blocks.{i}", torch.cat([x, skips.pop()], dim=1), time, constants)
        return block.upsamplers[0](x, skips[-1].shape) if hasattr(block, "upsamplers") else x

    def blocks(self) -> list[tuple[str, DenoisingBlock]]:
        """Every block with its path."""
        down = [(f"down_blocks.{i}", block) for i, block in enumerate(self.down_blocks)]
        up = [(f"up_blocks.{i}", block) for i, block in enumerate(self.up_blocks)]
        return [*down, ("mid_block", self.mid_block), *up]


def _down_block(plan: BlockPlan, config: UNetConfig) -> DenoisingBlock:
    block = DenoisingBlock(plan, config)
    if plan.changes_size:
        block.downsamplers = nn.ModuleList([Downsample(plan.width)])
    return block


def _up_block(plan: BlockPlan, config: UNetConfig) -> DenoisingBlock:
    block = DenoisingBlock(plan, config)
    if plan.changes_size:
        block.upsamplers = nn.ModuleList([Upsample(plan.width)])
    return block
