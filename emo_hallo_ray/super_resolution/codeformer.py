"""The temporal CodeFormer: restores the aligned faces of consecutive frames, so that they stay the same face.

Each face becomes 16 × 16 entries of a codebook of sharp ones; a transformer that also looks at the neighbouring frames
chooses them; what was seen bends the result as far as `fidelity` asks. Sources: "Towards Robust Blind Face
Restoration with Codebook Lookup Transformer" (arXiv:2206.11253); Hallo2 (arXiv:2410.07718) for the attention over time.
"""

import re

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emo_hallo_ray.hallo2.batches import Batches
from emo_hallo_ray.hallo2.errors import WrongCheckpoint
from emo_hallo_ray.super_resolution.vq_blocks import Enlarge, Fusion, Shapes, Shrink, build_chain

FACE_PX = 512
LEAST_DEVIATION = 1e-5


class TemporalLayer(nn.Module):
    """Attention over a frame's positions, then over time at each position, each with a feed-forward behind it."""

    def __init__(self, width: int, inner: int, n_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.self_attn = nn.MultiheadAttention(width, n_heads, batch_first=True)
        self.norm2 = nn.LayerNorm(width)
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.temp_norm = nn.LayerNorm(width)
        self.temp_attn = nn.MultiheadAttention(width, n_heads, batch_first=True)
        self.temp_ffn_norm = nn.LayerNorm(width)
        self.temp_linear1, self.temp_linear2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """x (F, L, C); positions (L, C) reach queries and keys only, and carry no order of the frames."""
        x = x + _attend(self.self_attn, self.norm1(x), positions)
        x = x + self.linear2(F.gelu(self.linear1(self.norm2(x))))
        over_time = _attend(self.temp_attn, self.temp_norm(x).transpose(0, 1), positions[:, None])
        x = x + over_time.transpose(0, 1)
        return x + self.temp_linear2(F.gelu(self.temp_linear1(self.temp_ffn_norm(x))))


def _attend(attention: nn.MultiheadAttention, x: Tensor, positions: Tensor) -> Tensor:
    """Self-attention over the second axis of x (N, L, C)."""
    matrix, bias, width = attention.in_proj_weight, attention.in_proj_bias, x.shape[-1]
    q, k = F.linear(x + positions, matrix[: 2 * width], bias[: 2 * width]).chunk(2, dim=-1)
    v = F.linear(x, matrix[2 * width :], bias[2 * width :])
    q, k, v = (part.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2) for part in (q, k, v))
    attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)
    out: Tensor = attention.out_proj(attended)
    return out


class Chain(nn.Module):
    """Numbered blocks, one after the other."""

    def __init__(self, blocks: nn.ModuleList) -> None:
        super().__init__()
        self.blocks = blocks


class CodeFormer(nn.Module):
    """The network of `net_g.pth`, with its names; sizes are read off its shapes.

    Args:
        n_heads: of the transformer; it leaves no trace in the file.
        frames_at_a_time: faces that the convolutions take at once; bounds the memory, which peaks there.

    Raises:
        WrongCheckpoint: a tensor that tells a size is missing: the file is another model's.
    """

    def __init__(self, shapes: Shapes, n_heads: int = 8, frames_at_a_time: int = 4) -> None:
        super().__init__()
        try:
            self._build(shapes, n_heads)
        except KeyError as missing:
            raise WrongCheckpoint(f"it has no tensor {missing}: another model's file?") from None
        self.batches = Batches("faces in the restorer", frames_at_a_time)

    def _build(self, shapes: Shapes, n_heads: int) -> None:
        n_codes, code_width = shapes["quantize.embedding.weight"]
        n_positions, width = shapes["position_emb"]
        inner = shapes["ft_layers.0.linear1.weight"][0]
        n_layers = len({name.split(".")[1] for name in shapes if name.startswith("ft_layers.")})
        self.position_emb = nn.Parameter(torch.empty(n_positions, width))
        self.feat_emb = nn.Linear(code_width, width)
        self.ft_layers = nn.ModuleList([TemporalLayer(width, inner, n_heads) for _ in range(n_layers)])
        self.idx_pred_layer = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, n_codes, bias=False))
        self.quantize = nn.Module()
        self.quantize.embedding = nn.Embedding(n_codes, code_width)
        self.encoder = Chain(build_chain(shapes, "encoder.blocks.", Shrink))
        self.generator = Chain(build_chain(shapes, "generator.blocks.", Enlarge))
        pattern = re.compile(r"fuse_convs_dict\.(\d+)\.encode_enc\.conv1\.weight")
        fused = {match[1]: shape for name, shape in shapes.items() if (match := pattern.fullmatch(name))}
        self.fuse_convs_dict = nn.ModuleDict(
            {side: Fusion(shape[1], shape[0]) for side, shape in sorted(fused.items(), key=lambda item: int(item[0]))}
        )

    def forward(self, faces: Tensor, fidelity: float) -> Tensor:
        """Restore the faces of one window of consecutive frames.

        Args:
            faces: (F, 3, 512, 512) in −1…1, RGB.
            fidelity: 0 is the sharpest, 1 the closest to what was seen.

        Returns:
            The same shape and range; values may go a little beyond it.
        """
        features, seen = self.encode(faces)
        codes = self.choose_codes(features).argmax(dim=-1)

        def generate(part: slice) -> Tensor:
            maps = {side: of_all[part] for side, of_all in seen.items()}
            return self._generate(codes[part], features[part], maps, fidelity)

        return torch.cat(self.batches.map(len(faces), generate))

    def encode(self, faces: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The features (F, C, h, w) that codes are chosen for, and the maps to fuse, by their side in pixels."""
        parts = self.batches.map(len(faces), lambda part: self._encode(faces[part]))
        seen = {side: torch.cat([maps[side] for _, maps in parts]) for side in self.fuse_convs_dict}
        return torch.cat([features for features, _ in parts]), seen

    def choose_codes(self, features: Tensor) -> Tensor:
        """Scores of all codebook entries for each position, (F, L, codes)."""
        x = self.feat_emb(features.flatten(2).mT)
        for layer in self.ft_layers:
            x = layer(x, self.position_emb)
        scores: Tensor = self.idx_pred_layer(x)
        return scores

    def _encode(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        seen = {}
        for block in self.encoder.blocks:
            side = str(x.shape[-1])
            if isinstance(block, Shrink) and side in self.fuse_convs_dict:
                seen[side] = x
            x = block(x)
        return x, seen

    def _generate(self, codes: Tensor, features: Tensor, seen: dict[str, Tensor], fidelity: float) -> Tensor:
        entries: Tensor = self.quantize.embedding(codes)
        x = _take_statistics(entries.mT.unflatten(2, features.shape[2:]), features)
        was_enlarged = False
        for block in self.generator.blocks:
            x = block(x)
            side = str(x.shape[-1])
            if was_enlarged and side in seen and fidelity > 0:
                x = self.fuse_convs_dict[side](seen[side], x, fidelity)
            was_enlarged = isinstance(block, Enlarge)
        return x


def _take_statistics(content: Tensor, style: Tensor) -> Tensor:
    """Adaptive instance normalisation (arXiv:1703.06868): mean and deviation of each channel of `style`."""
    deviation, mean = _deviation_and_mean(content)
    style_deviation, style_mean = _deviation_and_mean(style)
    return (content - mean) / deviation * style_deviation + style_mean


def _deviation_and_mean(x: Tensor) -> tuple[Tensor, Tensor]:
    variance, mean = torch.var_mean(x, dim=(2, 3), keepdim=True)
    return (variance + LEAST_DEVIATION).sqrt(), mean
