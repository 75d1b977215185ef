"""The audio transformer: each frame attends to its own speech, apart for the background, the face and the lips."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emo_hallo_ray.hallo2 import kernels
from emo_hallo_ray.hallo2.attention import CrossAttention, FeedForward, PointwiseConv, SelfAttention
from emo_hallo_ray.hallo2.layers import feature_map, tokens

REGIONS = ("full", "face", "lip")  # the order of the checkpoint; "full" is the background


@dataclass(frozen=True)
class AudioConstants:
    """What stays equal over a clip's steps.

    Attributes:
        keys, values: folded for the conditional half, (F, 3·heads·T, C): the three regions side by side. None of
            them, (0, 3·heads·T, C), for the unconditional half alone.
        regions: (L, 3) how much of each region's attention a pixel takes.
        silence: (L, C) what every pixel gets whatever is said: biases. The unconditional half gets only that.
    """

    keys: Tensor
    values: Tensor
    regions: Tensor
    silence: Tensor

    def conditional(self) -> "AudioConstants":
        """Those of the conditional half alone: all of them."""
        return self

    def unconditional(self) -> "AudioConstants":
        """Those of the unconditional half alone."""
        return AudioConstants(self.keys[:0], self.values[:0], self.regions, self.silence)


class AudioBlock(nn.Module):
    """Self-attention, three attentions to the speech, feed-forward."""

    def __init__(self, width: int, audio_width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.attn2_0 = CrossAttention(width, audio_width, heads)
        self.attn2_1 = CrossAttention(width, audio_width, heads)
        self.attn2_2 = CrossAttention(width, audio_width, heads)
        self.zero_conv_full = nn.Conv2d(width, width, 1)
        self.zero_conv_face = nn.Conv2d(width, width, 1)
        self.zero_conv_lip = nn.Conv2d(width, width, 1)
        self.norm3 = nn.LayerNorm(width)
        self.ff = FeedForward(width)

    def prepare(self, speech: Tensor, masks: Tensor, weights: Tensor) -> AudioConstants:
        """Fold everything that follows the softmax into the values.

        A region's result is weight · (conv(mask · out(attention)) + bias), where conv and out are linear and the mask
        is one number per pixel: so both matrices join the values, and mask and weight join the attention weights.

        Args:
            speech: tokens, (F, T, audio_width).
            masks: (L, 3), 0…1.
            weights: (3,) of the regions.
        """
        regions = masks * weights
        keys, values, silence = [], [], torch.zeros((), dtype=masks.dtype, device=masks.device)
        for i, region in enumerate(REGIONS):
            attention: CrossAttention = getattr(self, f"attn2_{i}")
            conv: nn.Conv2d = getattr(self, f"zero_conv_{region}")
            matrix = conv.weight.flatten(1)
            region_keys, region_values = attention.fold(speech, after=matrix)
            keys.append(region_keys)
            values.append(region_values)
            silence = silence + regions[:, i, None] * (matrix @ attention.to_out[0].bias) + weights[i] * conv.bias
        return AudioConstants(
            torch.stack(keys, 1).flatten(1, 3), torch.stack(values, 1).flatten(1, 3), regions, silence
        )

    def forward(self, x: Tensor, constants: AudioConstants) -> Tensor:
        """x (halves·F, L, C); the last half is the conditional one, where it is there."""
        n_heard = len(constants.keys)
        x = self.attn1(self.norm1(x), x)
        weights = self._weigh(self.norm2(x[-n_heard:]), constants) if n_heard else None
        x = x + constants.silence
        if weights is not None:
            x[-n_heard:] += kernels.bmm(weights, constants.values.mT)
        return self.ff(self.norm3(x), x)

    def _weigh(self, x: Tensor, constants: AudioConstants) -> Tensor:
        n_heads = len(REGIONS) * self.attn2_0.heads
        scores = kernels.bmm(x, constants.keys).unflatten(-1, (n_heads, -1))
        by_region = scores.softmax(dim=-1).unflatten(-2, (len(REGIONS), -1))
        return (by_region * constants.regions[:, :, None, None]).flatten(-3)


class AudioTransformer(nn.Module):
    """The block between group norm and 1×1 convolutions.

    `inner` follows a slip of the original that the weights were trained with: it is the width of another block for
    some of them (see `unet_plan`).
    """

    def __init__(self, width: int, inner: int, audio_width: int, heads: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, eps=1e-6)
        self.proj_in = PointwiseConv(width, inner)
        self.transformer_blocks = nn.ModuleList([AudioBlock(inner, audio_width, heads)])
        self.proj_out = PointwiseConv(inner, width)

    def prepare(self, speech: Tensor, masks: Tensor, weights: Tensor) -> AudioConstants:
        """See `AudioBlock.prepare`."""
        return self.transformer_blocks[0].prepare(speech, masks, weights)

    def forward(self, x: Tensor, constants: AudioConstants) -> Tensor:
        """x is a feature map."""
        hidden = self.transformer_blocks[0](self.proj_in(tokens(self.norm(x))), constants)
        return feature_map(self.proj_out.add(hidden, tokens(x)), x.shape)
