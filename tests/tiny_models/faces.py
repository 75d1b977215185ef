"""Tiny stand-ins for InsightFace's models: an identity network and a detector that has made up its mind."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

POOL_PX = 16
N_POOLED = 3 * (112 // POOL_PX) ** 2
STRIDES_PX = (8, 16, 32)
DETECTOR_PX = 640


def identity_matrix(seed: int = 0) -> NDArray[np.float32]:
    """(147, 512), what `write_identity`'s model multiplies its pooled input with."""
    return np.random.default_rng(seed).standard_normal((N_POOLED, 512), np.float32)


def write_identity(path: Path, n_numbers: int = 512, input_px: int = 112, seed: int = 0) -> Path:
    """Write a model of `glintr100.onnx`'s shape: 16 × 16 pixels are averaged, then multiplied with a random matrix."""
    n_cells = 3 * (input_px // POOL_PX) ** 2
    matrix = identity_matrix(seed) if n_cells == N_POOLED else np.zeros((n_cells, 512), np.float32)
    nodes = [
        helper.make_node("AveragePool", ["input"], ["cells"], kernel_shape=[POOL_PX] * 2, strides=[POOL_PX] * 2),
        helper.make_node("Flatten", ["cells"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["embedding"]),
    ]
    shapes: dict[str, list[int | str]] = {"input": ["batch", 3, input_px, input_px], "embedding": ["batch", n_numbers]}
    return _save(path, nodes, shapes, {"matrix": matrix[:, :n_numbers]})


def write_scrfd(path: Path, faces: Sequence[tuple[float, ArrayLike, ArrayLike]], n_points: int = 5) -> Path:
    """Write a model of `scrfd_10g_bnkps.onnx`'s shape that sees the same faces in every picture.

    Args:
        faces: score, box (left, top, right, bottom) and points (5, 2) of each, in pixels of its input of 640 × 640.
            Small ones come from the finest level, large ones from the coarsest.
    """
    outputs = {
        (kind, stride): np.zeros((2 * (DETECTOR_PX // stride) ** 2, width), np.float32)
        for kind, width in (("score", 1), ("box", 4), ("points", 2 * n_points))
        for stride in STRIDES_PX
    }
    for score, box, points in faces:
        low, high = np.reshape(box, (2, 2))
        stride = next(s for s in STRIDES_PX if s == STRIDES_PX[-1] or (high - low).max() < 8 * s)
        cell = ((low + high) / 2 // stride).astype(int)
        centre = cell * stride
        row = 2 * int(cell[1] * (DETECTOR_PX // stride) + cell[0])
        row += int(outputs["score", stride][row, 0] > 0)  # the cell's second anchor
        outputs["score", stride][row] = score
        outputs["box", stride][row] = np.concatenate([centre - low, high - centre]) / stride
        outputs["points", stride][row] = ((np.asarray(points) - centre) / stride).ravel()[: 2 * n_points]
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, NDArray[np.generic]] = {}
    for (kind, stride), values in outputs.items():
        name = f"{kind}_{stride}"
        filled = np.argwhere(values != 0)
        constants[f"{name}_shape"] = np.array(values.shape, np.int64)
        constants[f"{name}_where"] = filled
        constants[f"{name}_what"] = values[tuple(filled.T)]
        nodes += [
            helper.make_node("ConstantOfShape", [f"{name}_shape"], [f"{name}_zeros"]),
            helper.make_node("ScatterND", [f"{name}_zeros", f"{name}_where", f"{name}_what"], [name]),
        ]
    shapes = {f"{kind}_{stride}": list(values.shape) for (kind, stride), values in outputs.items()}
    return _save(path, nodes, {"input": [1, 3, "height", "width"], **shapes}, constants)


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    shapes: Mapping[str, Sequence[int | str]],
    constants: Mapping[str, NDArray[np.generic]],
) -> Path:
    infos = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()}
    graph = helper.make_graph(
        nodes,
        path.stem,
        [infos.pop("input")],
        list(infos.values()),
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path
