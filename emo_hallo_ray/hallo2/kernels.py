"""The few operations whose fastest form depends on the device.

On a CPU in float32, torch computes linear layers with MKL, which runs at half speed on processors that are not
Intel's; oneDNN, which computes the convolutions, does not, and it joins activation, product and sum to the same pass.
On anything else these are the plain torch functions.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Pixels of all rows together, for each input channel, up to which a 3×3 convolution is faster as a matrix product.
FEW_PIXELS_PER_CHANNEL = 0.4
# What a transformer takes at a time on a CPU: then all between its first and its last matrix stays in the cache. In one
# piece it is fresh memory at each layer, and the system takes as long to clear that as the products take.
TOKENS_AT_A_TIME = 2048

_HAS_ONEDNN = torch.backends.mkldnn.is_available()
_onednn_linear: Any = torch.ops.mkldnn._linear_pointwise if _HAS_ONEDNN else None


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias."""
    if _suits_onednn(x):
        return _onednn_linear(x, weight, bias, "none", [], "")
    return F.linear(x, weight, bias)


def linear_add(x: Tensor, weight: Tensor, bias: Tensor | None, residual: Tensor) -> Tensor:
    """residual + x @ weight.T + bias."""
    if _suits_onednn(x):
        return _onednn_linear.binary(x, residual.contiguous(), weight, bias, "add")
    return residual + F.linear(x, weight, bias)


def gated_feed_forward(x: Tensor, enter: nn.Linear, leave: nn.Linear, residual: Tensor) -> Tensor:
    """residual + leave(value · gelu(gate)), where value and gate are the halves of enter(x); the exact (erf) GELU."""
    if not _suits_onednn(x):
        value, gate = F.linear(x, enter.weight, enter.bias).chunk(2, dim=-1)
        return linear_add(value * F.gelu(gate), leave.weight, leave.bias, residual)
    (value, gate), (value_bias, gate_bias) = enter.weight.chunk(2), enter.bias.chunk(2)
    tokens, added = x.flatten(0, -2), residual.flatten(0, -2)

    def run(part: slice) -> Tensor:
        gated = _onednn_linear(tokens[part], gate, gate_bias, "gelu", [], "none")
        hidden = _onednn_linear.binary(tokens[part], gated, value, value_bias, "mul")
        return linear_add(hidden, leave.weight, leave.bias, added[part])

    return in_parts(added, run).view(residual.shape)


def in_parts(x: Tensor, run: Callable[[slice], Tensor]) -> Tensor:
    """What `run` gives for all rows of x (N, ..., C), whose shape the result has.

    On a CPU it is asked for as many rows at a time as make up `TOKENS_AT_A_TIME`, elsewhere for all at once.
    """
    n_rows = len(x)
    n_tokens = x.numel() // x.shape[-1]
    step = max(1, TOKENS_AT_A_TIME * n_rows // n_tokens) if _suits_onednn(x) else n_rows
    if step >= n_rows:
        return run(slice(0, n_rows))
    result = torch.empty_like(x)
    for start in range(0, n_rows, step):
        part = slice(start, min(start + step, n_rows))
        result[part] = run(part)
    return result


def _suits_onednn(x: Tensor) -> bool:
    return _onednn_linear is not None and x.device.type == "cpu" and x.dtype == torch.float32


def bmm(x: Tensor, y: Tensor) -> Tensor:
    """(B, n, k) @ (B, m, k).mT, each product with its own matrix."""
    if _suits_onednn(x):
        return torch.stack([linear(row, matrix) for row, matrix in zip(x, y, strict=True)])
    return x @ y.mT


class Conv3x3(nn.Conv2d):
    """A 3×3 convolution that keeps the size, or halves it.

    On a CPU, at the smallest maps, it is a matrix product over gathered neighbours: there oneDNN spends most of
    its time on laying the weights out, and on borders. Eight maps of 1280 channels and 2×2 pixels are five times as
    fast, of 4×4 twice, of 8×8 a quarter.
    """

    def __init__(self, width_in: int, width: int, stride: int = 1) -> None:
        super().__init__(width_in, width, 3, padding=1, stride=stride)

    def forward(self, x: Tensor, shift: Tensor | None = None) -> Tensor:
        """Convolve; `shift` (width,) is added to the bias."""
        bias = self.bias if shift is None else self.bias + shift
        has_few_pixels = x.numel() <= FEW_PIXELS_PER_CHANNEL * self.in_channels**2
        if has_few_pixels and self.stride == (1, 1) and _suits_onednn(x):
            return self._multiply(x, bias)
        return F.conv2d(x, self.weight, bias, self.stride, self.padding)

    def _multiply(self, x: Tensor, bias: Tensor | None) -> Tensor:
        height, width = x.shape[-2:]
        padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        neighbours = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
        # a view where the weights lie channels last
        matrix = self.weight.permute(0, 2, 3, 1).flatten(1)
        return linear(torch.cat(neighbours, dim=-1), matrix, bias).permute(0, 3, 1, 2)
