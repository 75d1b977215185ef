"""Attention and feed-forward, as every transformer here has them."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emo_hallo_ray.hallo2 import kernels


class SelfAttention(nn.Module):
    """Self-attention whose three input matrices are one, apart only in the state dict (to_q, to_k, to_v)."""

    _parts = ("to_q.weight", "to_k.weight", "to_v.weight")

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Parameter(torch.empty(3 * width, width))
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def project(self, x: Tensor) -> Tensor:
        """(…, C) → queries, keys and values, (…, 3·C)."""
        return kernels.linear(x, self.qkv)

    def project_keys_values(self, x: Tensor) -> Tensor:
        """(…, C) → keys and values, (…, 2·C)."""
        return kernels.linear(x, self.qkv[self.qkv.shape[1] :])

    def project_queries(self, x: Tensor) -> Tensor:
        """(…, C) → queries, (…, C)."""
        return kernels.linear(x, self.qkv[: self.qkv.shape[1]])

    def leave(self, attended: Tensor, residual: Tensor) -> Tensor:
        """residual + the output projection."""
        out = self.to_out[0]
        return kernels.linear_add(attended, out.weight, out.bias, residual)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """residual + attention of x, (N, L, C), over itself."""

        def run(rows: slice) -> Tensor:
            return self.leave(attend(*self.project(x[rows]).chunk(3, dim=-1), heads=self.heads), residual[rows])

        return kernels.in_parts(x, run)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        rows = destination.pop(f"{prefix}qkv").chunk(3)
        destination.update({prefix + name: part for name, part in zip(self._parts, rows, strict=True)})

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        if all(prefix + name in state_dict for name in self._parts):
            state_dict[f"{prefix}qkv"] = torch.cat([state_dict.pop(prefix + name) for name in self._parts])
        super()._load_from_state_dict(state_dict, prefix, *rest)


class CrossAttention(nn.Module):
    """Attention to a few tokens that stay the same for a whole clip.

    So few, that queries and outputs never need be computed: the query matrix joins the keys, the output matrix joins
    the values, once per clip (`fold`), and a step costs two products as narrow as there are tokens.
    """

    def __init__(self, width: int, context_width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width, width, bias=False)
        self.to_v = nn.Linear(context_width, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def fold(self, context: Tensor, after: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, context_width) → folded keys and values, (B, heads, T, C) each.

        Args:
            after: a matrix (C, C) that follows the output projection, to be folded in too.
        """
        keys = self.to_k(context).unflatten(-1, (self.heads, -1)).permute(2, 0, 1, 3)
        values = self.to_v(context).unflatten(-1, (self.heads, -1)).permute(2, 0, 1, 3)
        queries = self.to_q.weight.unflatten(0, (self.heads, -1)) * keys.shape[-1] ** -0.5
        outputs = self.to_out[0].weight if after is None else kernels.linear(after, self.to_out[0].weight.T)
        outputs = outputs.unflatten(1, (self.heads, -1)).permute(1, 2, 0)
        return _fold(keys, queries), _fold(values, outputs)

    def weigh(self, x: Tensor, folded_keys: Tensor) -> Tensor:
        """Attention weights of x (B, L, C) over each head's tokens, (B, L, heads·T)."""
        scores = kernels.bmm(x, folded_keys).unflatten(-1, (self.heads, -1))
        return scores.softmax(dim=-1).flatten(-2)


def _fold(tokens: Tensor, matrix: Tensor) -> Tensor:
    """Per head: tokens (heads, B, T, d) through a matrix (heads, d, C) → (B, heads, T, C), not contiguous."""
    folded = torch.bmm(tokens.flatten(1, 2), matrix)
    return folded.unflatten(1, tokens.shape[1:3]).transpose(0, 1)


def attend(q: Tensor, k: Tensor, v: Tensor, *, heads: int) -> Tensor:
    """Scaled dot-product attention over the second axis, (N, L, C) each; heads divide the channels."""
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)


class FeedForward(nn.Module):
    """Gated with the exact GELU, four times as wide inside. Keys as in diffusers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        enter = nn.Module()
        enter.proj = nn.Linear(width, 8 * width)
        self.net = nn.ModuleList([enter, nn.Identity(), nn.Linear(4 * width, width)])

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """residual + the layer's result."""
        return kernels.gated_feed_forward(x, self.net[0].proj, self.net[2], residual)


class PointwiseConv(nn.Conv2d):
    """A 1×1 convolution, stored as such, computed on tokens."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__(width_in, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, width_in) → (N, L, width)."""
        return kernels.linear(x, self.weight.flatten(1), self.bias)

    def add(self, x: Tensor, residual: Tensor) -> Tensor:
        """residual + the convolution."""
        return kernels.linear_add(x, self.weight.flatten(1), self.bias, residual)
