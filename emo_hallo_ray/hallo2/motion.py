"""The motion module: each pixel attends over time, to the clip's frames and to the last frames before it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emo_hallo_ray.hallo2 import kernels
from emo_hallo_ray.hallo2.attention import FeedForward, SelfAttention, attend
from emo_hallo_ray.hallo2.layers import feature_map, tokens

N_GROUPS = 32  # whatever the UNet's
MAX_POSITIONS = 32


@dataclass(frozen=True)
class MotionConstants:
    """The motion frames up to the first attention, (halves, n_motion, L, …).

    Attributes:
        hidden: after the input projection, (…, C).
        qkv: for the first attention, (…, 3·C).
    """

    hidden: Tensor
    qkv: Tensor

    @property
    def n_motion(self) -> int:
        """Frames before the clip."""
        return self.hidden.shape[1]

    def of(self, pixels: slice) -> "MotionConstants":
        """Those of some pixels."""
        return MotionConstants(self.hidden[:, :, pixels], self.qkv[:, :, pixels])

    def conditional(self) -> "MotionConstants":
        """Those of the conditional half alone."""
        return MotionConstants(self.hidden[-1:], self.qkv[-1:])

    def unconditional(self) -> "MotionConstants":
        """Those of the unconditional half alone."""
        return MotionConstants(self.hidden[:1], self.qkv[:1])


class Positions(nn.Module):
    """The sinusoidal table, which is part of the checkpoint."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("pe", torch.zeros(1, MAX_POSITIONS, width))

    def forward(self, x: Tensor, first: int = 0) -> Tensor:
        """Add the table to x (B, T, L, C), whose time starts at `first`."""
        return x + self.pe[:, first : first + x.shape[1], None]


class TemporalAttention(SelfAttention):
    """Self-attention that knows its positions; the table reaches queries, keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.pos_encoder = Positions(width)


class TemporalBlock(nn.Module):
    """Attentions over time, each with its norm, and a feed-forward."""

    def __init__(self, width: int, heads: int, n_attentions: int = 2) -> None:
        super().__init__()
        self.attention_blocks = nn.ModuleList([TemporalAttention(width, heads) for _ in range(n_attentions)])
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(n_attentions)])
        self.ff = FeedForward(width)
        self.ff_norm = nn.LayerNorm(width)

    def prepare(self, hidden: Tensor) -> MotionConstants:
        """From the motion frames behind the input projection, (halves, n_motion, L, C)."""
        attention = self.attention_blocks[0]
        return MotionConstants(hidden, attention.project(attention.pos_encoder(self.norms[0](hidden))))

    def forward(self, x: Tensor, motion: MotionConstants) -> Tensor:
        """x (halves, F, L, C). Pixels never meet here."""
        by_pixel = x.transpose(0, 2)
        return kernels.in_parts(
            by_pixel, lambda pixels: self._move(x[:, :, pixels], motion.of(pixels)).transpose(0, 2)
        ).transpose(0, 2)

    def _move(self, x: Tensor, motion: MotionConstants) -> Tensor:
        """The motion frames' own outputs are nobody's: the last attention takes only keys and values of them."""
        n_motion = motion.n_motion
        past, qkv_past = motion.hidden, motion.qkv
        for i, (attention, norm) in enumerate(zip(self.attention_blocks, self.norms, strict=True)):
            is_last = i == len(self.norms) - 1
            positions = attention.pos_encoder
            if i > 0:
                normed_past = positions(norm(past))
                qkv_past = attention.project_keys_values(normed_past) if is_last else attention.project(normed_past)
            qkv = attention.project(positions(norm(x), n_motion))
            attended = _attend_over_time(qkv_past, qkv, attention.heads)
            x = attention.leave(attended[:, -x.shape[1] :], x)
            if not is_last:
                past = attention.leave(attended[:, :n_motion], past)
        return self.ff(self.ff_norm(x), x)


def _attend_over_time(past: Tensor, present: Tensor, heads: int) -> Tensor:
    """Per pixel, over time. `past` (B, M, L, 3·C), or 2·C where nobody asks for its outputs; present (B, F, L, 3·C)."""
    width = present.shape[-1] // 3
    keys_values = torch.cat([past[..., -2 * width :], present[..., width:]], dim=1)
    queries = present[..., :width]
    if past.shape[-1] == 3 * width:
        queries = torch.cat([past[..., :width], queries], dim=1)
    # pixels are the batch: one call per half keeps them strided views
    halves = zip(queries, keys_values, strict=True)
    return torch.stack([_attend_half(q, kv, heads) for q, kv in halves])


def _attend_half(queries: Tensor, keys_values: Tensor, heads: int) -> Tensor:
    keys, values = keys_values.transpose(0, 1).chunk(2, dim=-1)
    return attend(queries.transpose(0, 1), keys, values, heads=heads).transpose(0, 1)


class TemporalTransformer(nn.Module):
    """The block between group norm and linear layers."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(N_GROUPS, width, eps=1e-6)
        self.proj_in = nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList([TemporalBlock(width, heads)])
        self.proj_out = nn.Linear(width, width)

    def enter(self, x: Tensor) -> Tensor:
        """Feature maps (N, C, H, W) → (N, L, C)."""
        return kernels.linear(tokens(self.norm(x)), self.proj_in.weight, self.proj_in.bias)


class MotionModule(nn.Module):
    """What the checkpoint calls a motion module."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.temporal_transformer = TemporalTransformer(width, heads)

    def prepare(self, features: Tensor, size: torch.Size) -> MotionConstants:
        """From what the reference network wrote for the motion frames, (halves, n_motion, L, C).

        These features are layer-normalised and meet feature maps that are not; the weights were trained that way.
        """
        transformer = self.temporal_transformer
        hidden = transformer.enter(feature_map(features.flatten(0, 1), size))
        return transformer.transformer_blocks[0].prepare(hidden.unflatten(0, features.shape[:2]))

    def forward(self, x: Tensor, motion: MotionConstants) -> Tensor:
        """x is a feature map of (halves·F) rows."""
        transformer = self.temporal_transformer
        n_halves = len(motion.hidden)
        hidden = transformer.transformer_blocks[0](transformer.enter(x).unflatten(0, (n_halves, -1)), motion)
        out = transformer.proj_out
        return feature_map(kernels.linear_add(hidden.flatten(0, 1), out.weight, out.bias, tokens(x)), x.shape)
