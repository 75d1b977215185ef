"""What a checkpoint's networks look like. Read off its tensors: the released file carries no configuration."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from emo_hallo_ray.hallo2.errors import WrongCheckpoint

Shapes = Mapping[str, torch.Size]


@dataclass(frozen=True)
class UNetConfig:
    """Widths of both UNets; the defaults are those of Stable Diffusion 1.5 and of the released weights.

    Attributes:
        widths: channels per level, the finest first.
        heads: of every attention; the head size follows from the width.
        identity_width: channels of an identity token, which takes the place of text.
        audio_width: channels of a speech token.
        groups: of the group norms; the motion modules always use 32.
    """

    widths: tuple[int, ...] = (320, 640, 1280, 1280)
    layers_per_block: int = 2
    heads: int = 8
    identity_width: int = 768
    audio_width: int = 768
    groups: int = 32
    latent_channels: int = 4

    @property
    def time_width(self) -> int:
        """Channels of the time embedding."""
        return 4 * self.widths[0]


@dataclass(frozen=True)
class Hallo2Config:
    """Everything in `net.pth`.

    Attributes:
        identity_input: channels of a face embedding.
        identity_tokens: tokens that it becomes.
        audio_input: values of one speech window: frames × layers × channels.
        audio_hidden: width of the speech projection's middle layers.
        audio_tokens: tokens that a window becomes.
        locator_widths: of the face locator, the finest first.
    """

    unet: UNetConfig = UNetConfig()
    identity_input: int = 512
    identity_tokens: int = 4
    audio_input: int = 5 * 12 * 768
    audio_hidden: int = 512
    audio_tokens: int = 32
    locator_widths: tuple[int, ...] = (16, 32, 64, 128)

    @classmethod
    def of_checkpoint(cls, shapes: Shapes, heads: int = 8, groups: int = 32) -> "Hallo2Config":
        """Read the sizes off a state dict. What leaves no trace in it must be said: heads and groups.

        Raises:
            WrongCheckpoint: a tensor that tells a size is missing: the file is another model's.
        """
        try:
            return cls._of_checkpoint(shapes, heads, groups)
        except KeyError as missing:
            raise WrongCheckpoint(f"it has no tensor {missing}: another model's file?") from None

    @classmethod
    def _of_checkpoint(cls, shapes: Shapes, heads: int, groups: int) -> "Hallo2Config":
        unet = "denoising_unet."
        n_levels = _count(shapes, f"{unet}down_blocks.{{}}.resnets.0.conv2.bias")
        identity_width = shapes["imageproj.norm.weight"][0]
        audio_width = shapes["audioproj.norm.weight"][0]
        n_locator_blocks = _count(shapes, "face_locator.blocks.{}.bias")
        return cls(
            unet=UNetConfig(
                widths=tuple(shapes[f"{unet}down_blocks.{i}.resnets.0.conv2.bias"][0] for i in range(n_levels)),
                layers_per_block=_count(shapes, f"{unet}down_blocks.0.resnets.{{}}.conv2.bias"),
                heads=heads,
                identity_width=identity_width,
                audio_width=audio_width,
                groups=groups,
                latent_channels=shapes[f"{unet}conv_in.weight"][1],
            ),
            identity_input=shapes["imageproj.proj.weight"][1],
            identity_tokens=shapes["imageproj.proj.weight"][0] // identity_width,
            audio_input=shapes["audioproj.proj1.weight"][1],
            audio_hidden=shapes["audioproj.proj1.weight"][0],
            audio_tokens=shapes["audioproj.proj3.weight"][0] // audio_width,
            locator_widths=(
                shapes["face_locator.conv_in.bias"][0],
                *(shapes[f"face_locator.blocks.{i}.bias"][0] for i in range(1, n_locator_blocks, 2)),
            ),
        )


def _count(shapes: Shapes, pattern: str) -> int:
    """How many consecutive indices the pattern finds."""
    n = 0
    while pattern.format(n) in shapes:
        n += 1
    if n == 0:
        raise KeyError(pattern.format(0))
    return n
