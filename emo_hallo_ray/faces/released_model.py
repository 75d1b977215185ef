"""A face model among the downloaded weights: a file that may be missing, cut short or another model's."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from emo_hallo_ray.errors import UnusableModelFile
from emo_hallo_ray.redaction import without_folders

Floats = NDArray[np.float32]


class ReleasedModel:
    """An ONNX model that reads one square RGB picture; whatever is wrong with its file is said by the file's name."""

    def __init__(self, path: Path, purpose: str, input_px: int) -> None:
        """Open it for pictures of this side, on the CPU and, as the embedded models, with one thread.

        Raises:
            UnusableModelFile: it is missing, damaged, or reads something else.
        """
        self._name = f"the {purpose} {'/'.join(path.parts[-3:])}"
        self._session = self._open(path)
        self._input = self._find_input(input_px)

    def run(self, pixels: Floats) -> list[Floats]:
        """Outputs for (1, 3, side, side).

        Raises:
            UnusableModelFile: the model fails.
        """
        try:
            outputs: list[Floats] = self._session.run(None, {self._input: pixels})
        except Exception as error:  # ONNX Runtime's classes share no base
            raise self.unusable(f"it does not run: {without_folders(str(error))}") from error
        return outputs

    def unusable(self, problem: str) -> UnusableModelFile:
        """The error to raise, with the file's name."""
        return UnusableModelFile(f"{self._name} cannot be used: {problem}")

    def _open(self, path: Path) -> onnxruntime.InferenceSession:
        if not path.is_file():
            raise self.unusable("it is missing")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised
        try:
            return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's classes share no base
            raise self.unusable("it is damaged, cut short or no ONNX model") from error

    def _find_input(self, input_px: int) -> str:
        inputs = self._session.get_inputs()
        wanted = [1, 3, input_px, input_px]
        # a size that the file leaves open has a name, or none, in place of a number
        if len(inputs) == 1 and inputs[0].type == "tensor(float)" and len(inputs[0].shape) == len(wanted):
            sizes = zip(inputs[0].shape, wanted, strict=True)
            if all(size == want or not isinstance(size, int) for size, want in sizes):
                return str(inputs[0].name)
        seen = ", ".join(f"{tensor.type} {tensor.shape}" for tensor in inputs)
        raise self.unusable(f"it should read tensor(float) {wanted}, and reads {seen}")
