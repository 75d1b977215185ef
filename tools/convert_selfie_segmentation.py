"""Convert MediaPipe's selfie segmentation from TFLite to ONNX.

    pip install tflite onnx
    python -m tools.convert_selfie_segmentation selfie_segmentation.tflite selfie_segmentation.onnx

One ONNX node per operator, half-precision weights as they are. The last layer is an operator of MediaPipe's own,
`Convolution2DTransposeBias`, for which general converters have no translation; that is why this file exists.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tflite
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8
PASSED_ON = {"RELU": "Relu", "HARD_SWISH": "HardSwish", "LOGISTIC": "Sigmoid", "ADD": "Add", "MUL": "Mul"}
OPERATOR_NAMES = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}


class Converter:
    """Builds the ONNX graph operator by operator; activations change from NHWC to NCHW."""

    def __init__(self, model: bytes) -> None:
        self._model = tflite.Model.GetRootAs(model, 0)
        self._graph = self._model.Subgraphs(0)
        self._constants: dict[int, NDArray[np.float16]] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []

    def convert(self) -> onnx.ModelProto:
        """The whole model: `input` (1, 256, 256, 3) RGB in 0..1, `person` (1, 256, 256) in 0..1."""
        source, result = int(self._graph.Inputs(0)), int(self._graph.Outputs(0))
        _, height, width, channels = self._shape(source)
        self._add("Transpose", ["input"], _name(source), perm=[0, 3, 1, 2])
        for i in range(self._graph.OperatorsLength()):
            self._convert_operator(self._graph.Operators(i))
        self._add("Squeeze", [_name(result), self._initializer("channel", np.array([1]))], "person")
        graph = helper.make_graph(
            self._nodes,
            "selfie_segmentation",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, height, width, channels])],
            [helper.make_tensor_value_info("person", TensorProto.FLOAT, [1, height, width])],
            self._initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _convert_operator(self, operator: Any) -> None:
        kind = self._kind(operator)
        if kind in PASSED_ON:
            self._add(PASSED_ON[kind], [_name(i) for i in operator.InputsAsNumpy()], _name(operator.Outputs(0)))
            return
        convert: dict[str, Callable[[Any], None]] = {
            "DEQUANTIZE": self._keep_constant,
            "CONV_2D": self._convolve,
            "DEPTHWISE_CONV_2D": self._convolve_depthwise,
            "AVERAGE_POOL_2D": self._average,
            "RESIZE_BILINEAR": self._resize,
            "Convolution2DTransposeBias": self._convolve_transposed,
        }
        convert[kind](operator)

    def _kind(self, operator: Any) -> str:
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        name = OPERATOR_NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        return str(code.CustomCode(), "ascii") if name == "CUSTOM" else name

    def _keep_constant(self, operator: Any) -> None:
        """Weights are stored as float16, to be widened on loading."""
        tensor = self._graph.Tensors(operator.Inputs(0))
        values = self._model.Buffers(tensor.Buffer()).DataAsNumpy().view(np.float16)
        self._constants[operator.Outputs(0)] = values.reshape(tensor.ShapeAsNumpy())

    def _convolve(self, operator: Any) -> None:
        settings = _padding_and_strides(_options(operator, tflite.Conv2DOptions()))
        self._add_convolution("Conv", operator, (0, 3, 1, 2), **settings)  # OHWI to OIHW

    def _convolve_depthwise(self, operator: Any) -> None:
        settings = _padding_and_strides(_options(operator, tflite.DepthwiseConv2DOptions()))
        n_channels = self._shape(operator.Inputs(0))[3]
        self._add_convolution("Conv", operator, (3, 0, 1, 2), group=n_channels, **settings)  # 1HWC to C1HW

    def _convolve_transposed(self, operator: Any) -> None:
        _, *strides = operator.CustomOptionsAsNumpy().view(np.int32)[:3].tolist()  # padding, then strides
        height, width = self._shape(operator.Inputs(1))[1:3]
        _require(strides == [height, width], "tiles that neither overlap nor need padding")
        self._add_convolution("ConvTranspose", operator, (3, 0, 1, 2), strides=strides)  # OHWI to IOHW

    def _average(self, operator: Any) -> None:
        options = _options(operator, tflite.Pool2DOptions())
        window = [options.FilterHeight(), options.FilterWidth()]
        _require(window == self._shape(operator.Inputs(0))[1:3], "averages of whole channels")
        self._add("GlobalAveragePool", [_name(operator.Inputs(0))], _name(operator.Outputs(0)))

    def _resize(self, operator: Any) -> None:
        options = _options(operator, tflite.ResizeBilinearOptions())
        _require(not options.AlignCorners(), "corners that are not aligned")
        _, height, width, channels = self._shape(operator.Outputs(0))
        sizes = self._initializer(f"sizes_{operator.Outputs(0)}", np.array([1, channels, height, width]))
        self._add(
            "Resize",
            [_name(operator.Inputs(0)), "", "", sizes],
            _name(operator.Outputs(0)),
            mode="linear",
            coordinate_transformation_mode="half_pixel" if options.HalfPixelCenters() else "asymmetric",
        )

    def _add_convolution(self, kind: str, operator: Any, axes: tuple[int, ...], **settings: Any) -> None:
        values, weights, bias = operator.InputsAsNumpy()
        constants = [self._widened(weights, self._constants[weights].transpose(axes))]
        constants.append(self._widened(bias, self._constants[bias]))
        self._add(kind, [_name(values), *constants], _name(operator.Outputs(0)), **settings)

    def _widened(self, tensor: int, values: NDArray[np.float16]) -> str:
        half = self._initializer(f"half_{tensor}", values)
        self._add("Cast", [half], _name(tensor), to=TensorProto.FLOAT)
        return _name(tensor)

    def _initializer(self, name: str, values: NDArray[Any]) -> str:
        self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _add(self, kind: str, inputs: list[str], output: str, **settings: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [output], **settings))

    def _shape(self, tensor: int) -> list[int]:
        return [int(length) for length in self._graph.Tensors(tensor).ShapeAsNumpy()]


def _name(tensor: int) -> str:
    return f"t{tensor}"


def _options(operator: Any, options: Any) -> Any:
    table = operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    return options


def _padding_and_strides(options: Any) -> dict[str, Any]:
    _require(options.FusedActivationFunction() == tflite.ActivationFunctionType.NONE, "activations as operators")
    padding = "SAME_UPPER" if options.Padding() == tflite.Padding.SAME else "VALID"
    return {"auto_pad": padding, "strides": [options.StrideH(), options.StrideW()]}


def _require(is_so: bool, expected: str) -> None:
    if not is_so:
        raise ValueError(f"this is another model: expected {expected}")


def main() -> None:
    """Convert the file named first into the file named second."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("source", type=Path, help="the original .tflite")
    parser.add_argument("target", type=Path, help="the .onnx to write")
    paths = parser.parse_args()
    onnx.save(Converter(paths.source.read_bytes()).convert(), paths.target)


if __name__ == "__main__":
    main()
