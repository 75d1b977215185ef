"""The few operations whose fastest form depends on the device.

On a CPU in float32, torch computes linear layers with MKL, which runs at half speed on processors that are not
Intel's; oneDNN, which computes the convolutions, does not, and it joins activation, product and sum to the same pass.
On anything else these are the plain torch functions.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMALL_MAP = 16  # pixels

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


def geglu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A linear layer whose second half of the outputs gates the first, through the exact (erf) GELU."""
    if _suits_onednn(x):
        (value, gate), (value_bias, gate_bias) = weight.chunk(2), bias.chunk(2)
        gated = _onednn_linear(x, gate, gate_bias, "gelu", [], "none")
        return _onednn_linear.binary(x, gated, value, value_bias, "mul")
    value, gate = F.linear(x, weight, bias).chunk(2, dim=-1)
    return value * F.gelu(gate)


def _suits_onednn(x: Tensor) -> bool:
    return _onednn_linear is not None and x.device.type == "cpu" and x.dtype == torch.float32


def bmm(x: Tensor, y: Tensor) -> Tensor:
    """(B, n, k) @ (B, m, k).mT, each product with its own matrix."""
    if _suits_onednn(x):
        return torch.stack([linear(row, matrix) for row, matrix in zip(x, y, strict=True)])
    return x @ y.mT


class Conv3x3(nn.Conv2d):
    """A 3×3 convolution that keeps the size, or halves it.

    On a CPU, at the smallest maps, it is a matrix product over gathered neighbours: there oneDNN spends most of its time
    on laying the weights out, and on borders. At 2×2 pixels the product is five times as fast, at 4×4 twice.
    """

    def __init__(self, width_in: int, width: int, stride: int = 1) -> None:
        super().__init__(width_in, width, 3, padding=1, stride=stride)

    def forward(self, x: Tensor, shift: Tensor | None = None) -> Tensor:
        """Convolve; `shift` (width,) is added to the bias."""
        bias = self.bias if shift is None else self.bias + shift
        if _suits_onednn(x) and self.stride == (1, 1) and x.shape[-2] * x.shape[-1] <= SMALL_MAP:
            return self._multiply(x, bias)
        return F.conv2d(x, self.weight, bias, self.stride, self.padding)

    def _multiply(self, x: Tensor, bias: Tensor | None) -> Tensor:
        height, width = x.shape[-2:]
        padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        neighbours = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
        # a view where the weights lie channels last
        matrix = self.weight.permute(0, 2, 3, 1).flatten(1)
        return linear(torch.cat(neighbours, dim=-1), matrix, bias).permute(0, 3, 1, 2)
