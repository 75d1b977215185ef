"""The spatial transformer: each picture attends to itself, to the reference picture and to the identity tokens."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emo_hallo_ray.hallo2 import kernels
from emo_hallo_ray.hallo2.attention import CrossAttention, FeedForward, PointwiseConv, SelfAttention, attend
from emo_hallo_ray.hallo2.layers import feature_map, tokens


@dataclass(frozen=True)
class SpatialConstants:
    """What stays equal over a clip's steps, for the rows of one guidance half or of both.

    Attributes:
        reference: keys and values of the reference picture as each half saw it, (2 or 1, H·W, 2·C); none of them,
            (0, H·W, 2·C), for the unconditional half alone.
        identity_keys, identity_values: folded, (halves, heads·T, C).
    """

    reference: Tensor
    identity_keys: Tensor
    identity_values: Tensor

    def conditional(self) -> "SpatialConstants":
        """Those of the conditional half alone. Its frames go on seeing both readings of the reference."""
        return SpatialConstants(self.reference, self.identity_keys[-1:], self.identity_values[-1:])

    def unconditional(self) -> "SpatialConstants":
        """Those of the unconditional half alone, which sees no reference."""
        return SpatialConstants(self.reference[:0], self.identity_keys[:1], self.identity_values[:1])


class SpatialBlock(nn.Module):
    """Self-attention, attention to the identity, feed-forward."""

    def __init__(self, width: int, identity_width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = CrossAttention(width, identity_width, heads)
        self.norm3 = nn.LayerNorm(width)
        self.ff = FeedForward(width)

    def write(self, x: Tensor, identity: Tensor) -> tuple[Tensor, Tensor]:
        """The reference network's pass: x (N, L, C), one row of tokens each. Also returns what the denoiser reads."""
        read_by_denoiser = self.norm1(x)
        x = self.attn1(read_by_denoiser, x)
        return self._finish(x, *self._fold(identity)), read_by_denoiser

    def prepare(self, reference: Tensor, identity: Tensor) -> SpatialConstants:
        """From what the reference network wrote of the reference, (halves, L, C), and the halves' identity tokens."""
        return SpatialConstants(self.attn1.project_keys_values(reference), *self._fold(identity))

    def read(self, x: Tensor, constants: SpatialConstants) -> Tensor:
        """The denoiser's pass: x (halves·F, L, C); the conditional half, which is the last one, sees the reference.

        The unconditional half attends to itself alone, so that its half of the work is half of that. The original
        lays the halves' references out for the rows alternately, not half by half, so that the conditional frames see
        the two readings by turns; the weights are used to it.
        """
        n_halves = len(constants.identity_keys)
        n_frames = len(x) // n_halves
        n_readings = len(constants.reference)
        n_alone = len(x) - n_frames if n_readings else len(x)
        turns = torch.arange(n_frames, 2 * n_frames, device=x.device) % max(1, n_readings)

        def run(rows: slice) -> Tensor:
            seen = turns[max(rows.start - n_alone, 0) : max(rows.stop - n_alone, 0)]
            return self._attend(x[rows], constants.reference[seen])

        x = kernels.in_parts(x, run)
        by_half = x.unflatten(0, (n_halves, n_frames)).flatten(1, 2)
        return self._finish(by_half, constants.identity_keys, constants.identity_values).view_as(x)

    def _attend(self, x: Tensor, reference: Tensor) -> Tensor:
        """Self-attention of rows (N, L, C), the last of which see a reference each, (R, L, 2·C), beside themselves."""
        n_alone, heads = len(x) - len(reference), self.attn1.heads
        q, keys_values = self.attn1.project(self.norm1(x)).split((x.shape[-1], 2 * x.shape[-1]), dim=-1)
        parts = []
        if n_alone:
            parts.append(attend(q[:n_alone], *keys_values[:n_alone].chunk(2, dim=-1), heads=heads))
        if len(reference):
            seen = torch.cat([keys_values[n_alone:], reference], dim=1)
            parts.append(attend(q[n_alone:], *seen.chunk(2, dim=-1), heads=heads))
        return self.attn1.leave(torch.cat(parts), x)

    def _fold(self, identity: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = self.attn2.fold(identity)
        return keys.flatten(1, 2), values.flatten(1, 2)

    def _finish(self, x: Tensor, identity_keys: Tensor, identity_values: Tensor) -> Tensor:
        weights = self.attn2.weigh(self.norm2(x), identity_keys)
        x = x + self.attn2.to_out[0].bias + kernels.bmm(weights, identity_values.mT)
        return self.ff(self.norm3(x), x)


class SpatialTransformer(nn.Module):
    """The block between group norm and 1×1 convolutions."""

    def __init__(self, width: int, identity_width: int, heads: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, eps=1e-6)
        self.proj_in = PointwiseConv(width, width)
        self.transformer_blocks = nn.ModuleList([SpatialBlock(width, identity_width, heads)])
        self.proj_out = PointwiseConv(width, width)

    def write(self, x: Tensor, identity: Tensor) -> tuple[Tensor, Tensor]:
        """See `SpatialBlock.write`; x is a feature map."""
        hidden, written = self.transformer_blocks[0].write(self.proj_in(tokens(self.norm(x))), identity)
        return feature_map(self.proj_out.add(hidden, tokens(x)), x.shape), written

    def prepare(self, reference: Tensor, identity: Tensor) -> SpatialConstants:
        """See `SpatialBlock.prepare`."""
        return self.transformer_blocks[0].prepare(reference, identity)

    def read(self, x: Tensor, constants: SpatialConstants) -> Tensor:
        """See `SpatialBlock.read`; x is a feature map."""
        hidden = self.transformer_blocks[0].read(self.proj_in(tokens(self.norm(x))), constants)
        return feature_map(self.proj_out.add(hidden, tokens(x)), x.shape)
