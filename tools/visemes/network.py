"""The viseme network: convolutions over time with growing gaps between their taps, and its export to ONNX."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

N_FEATURES, N_CLASSES = 33, 18
N_CHANNELS = 80
KERNEL = 5
DILATIONS = (1, 2, 4, 8, 1, 2, 4, 1)
OPSET, IR_VERSION = 17, 8


class Layer(nn.Module):
    """Convolution over time, batch normalisation, ReLU: (B, C, T) to (B, C', T)."""

    def __init__(self, n_in: int, n_out: int, dilation: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(n_in, n_out, KERNEL, padding=KERNEL // 2 * dilation, dilation=dilation)
        self.normalization = nn.BatchNorm1d(n_out)

    def forward(self, state: Tensor) -> Tensor:
        """Apply all three."""
        result: Tensor = self.normalization(self.convolution(state)).relu()
        return result


class VisemeNetwork(nn.Module):
    """(B, T, 33) features to (B, T, 18) logits; hears 0.48 s to either side."""

    def __init__(self, n_channels: int = N_CHANNELS, dropout: float = 0.1) -> None:
        super().__init__()
        self.entry = Layer(N_FEATURES, n_channels, 1)
        self.blocks = nn.ModuleList(Layer(n_channels, n_channels, dilation) for dilation in DILATIONS)
        self.dropout = nn.Dropout(dropout)
        self.exit = nn.Conv1d(n_channels, N_CLASSES, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Logits of every hop."""
        state = self.entry(features.transpose(1, 2))
        for block in self.blocks:
            state = state + block(state)
        logits: Tensor = self.exit(self.dropout(state)).transpose(1, 2)
        return logits


def reach_hops() -> int:
    """How far the network hears to either side."""
    return KERNEL // 2 * (1 + sum(DILATIONS))


def export_onnx(network: VisemeNetwork, path: Path) -> None:
    """Write `features` (1, T, 33) to `posteriors` (1, T, 18); normalisation becomes part of the convolutions."""
    graph = _Graph()
    state = graph.add("Transpose", ["features"], perm=[0, 2, 1])
    state = graph.apply(network.entry, state)
    for block in network.blocks:
        state = graph.add("Add", [state, graph.apply(block, state)])
    logits = graph.add("Transpose", [graph.convolve(network.exit, state)], perm=[0, 2, 1])
    graph.add("Softmax", [logits], output="posteriors", axis=2)
    model = helper.make_model(graph.finish(), opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


class _Graph:
    """Nodes in the order in which they run."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: list[str], output: str | None = None, **attributes: object) -> str:
        output = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def apply(self, layer: nn.Module, state: str) -> str:
        assert isinstance(layer, Layer)
        convolution = fuse_conv_bn_eval(layer.convolution.eval(), layer.normalization.eval())
        return self.add("Relu", [self.convolve(convolution, state)])

    def convolve(self, convolution: nn.Conv1d, state: str) -> str:
        assert convolution.bias is not None
        weights = [self._weight(tensor) for tensor in (convolution.weight, convolution.bias)]
        dilation = convolution.dilation[0]
        padding = convolution.kernel_size[0] // 2 * dilation
        return self.add("Conv", [state, *weights], pads=[padding, padding], dilations=[dilation])

    def finish(self) -> onnx.GraphProto:
        features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, "hops", N_FEATURES])
        posteriors = helper.make_tensor_value_info("posteriors", TensorProto.FLOAT, [1, "hops", N_CLASSES])
        return helper.make_graph(self._nodes, "viseme_net", [features], [posteriors], self._weights)

    def _weight(self, tensor: Tensor) -> str:
        name = f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(tensor.detach().numpy().astype(np.float32), name))
        return name
