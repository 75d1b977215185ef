"""The small ONNX models that ship in `assets/`; their NOTICE has tensors, sources and checksums."""

from functools import cache
from importlib.resources import files

import onnxruntime


@cache
def open_model(name: str) -> onnxruntime.InferenceSession:
    """Open a model once per process.

    One thread: two were slower on a two-core machine, and stages share their cores.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # the viseme network carries an unused constant
    model = files("emo_hallo_ray.assets").joinpath(f"{name}.onnx").read_bytes()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
