"""A vocal separator of the MDX-Net family, such as Kim_Vocal_2.onnx, run over a stream of any length.

The arithmetic is that of the package audio-separator with its defaults, which the original Hallo2 uses. The package
itself would bring torchvision, librosa, numba and two more model runtimes beside the one we have.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from emo_hallo_ray.errors import EmoHalloError, OutOfMemory, UnusableModelFile
from emo_hallo_ray.speech.spectrogram import HOP_SAMPLES, Spectrogram, Waves

SAMPLE_RATE_HZ = 44_100
N_CHANNELS = 2
# the file says how many bins it reads, not out of how many: Kim's vocal models read 3072 from windows of 7680 samples
FFT_PER_BIN = 2.5
OVERLAP = 0.25  # of a chunk with the next
N_SILENCED_BINS = 3  # rumble below 17 Hz
NO_MEMORY = ("out of memory", "allocate memory")  # ONNX Runtime says it in words alone, CUDA's or its own
COMPENSATION = 1.009  # Kim_Vocal_2 makes voices this much too quiet


class VocalSeparator:
    """An opened model.

    Attributes:
        n_chunk_samples: what it hears at once, 5.9 s with Kim_Vocal_2.
        n_step_samples: from the start of a chunk to the start of the next.
    """

    def __init__(self, model: Path, use_gpu: bool = True) -> None:
        """Open it, on CUDA where ONNX Runtime has it.

        Raises:
            UnusableModelFile: it is missing, damaged or no MDX-Net.
            OutOfMemory: it does not fit on the GPU; `separate` raises that too.
        """
        self._name = f"{model.parent.name}/{model.name}"
        self._session = self._open(model, use_gpu)
        n_bins, n_frames = self._input_size()
        self._spectrogram = Spectrogram(round(n_bins * FFT_PER_BIN), n_bins)
        self._n_trim_samples = self._spectrogram.n_fft // 2
        self.n_chunk_samples = HOP_SAMPLES * (n_frames - 1)
        self.n_step_samples = int((1 - OVERLAP) * self.n_chunk_samples)
        if self._spectrogram.n_fft < 2 * HOP_SAMPLES or self.n_chunk_samples < 4 * self._n_trim_samples:
            raise self._unusable(f"its input of {n_bins} bins and {n_frames} frames is too small for an MDX-Net")

    def separate(self, blocks: Iterable[Waves]) -> Iterator[Waves]:
        """Yield the vocals of (2, n) blocks at 44.1 kHz; as many samples, a chunk behind, in constant memory."""
        chunk, step, trim = self.n_chunk_samples, self.n_step_samples, self._n_trim_samples
        mixer = _CrossFade(chunk, step)
        ahead = np.zeros((N_CHANNELS, trim), np.float32)  # the recording, preceded by zeros, from `start` on
        start, end = 0, trim
        for block in blocks:
            ahead = np.concatenate([ahead, block], axis=1)
            end += block.shape[1]
            while ahead.shape[1] >= chunk:
                yield mixer.add(self._vocals(ahead[:, :chunk]), chunk)[:, max(0, trim - start) :]
                ahead, start = ahead[:, step:], start + step
        n_padded = self._padded(end)
        while start < end:
            last = np.zeros((N_CHANNELS, chunk), np.float32)
            last[:, : ahead.shape[1]] = ahead[:, :chunk]
            done = mixer.add(self._vocals(last), min(chunk, n_padded - start))
            yield done[:, max(0, trim - start) : end - start]
            ahead, start = ahead[:, step:], start + step

    def _padded(self, end: int) -> int:
        """Where the zeros after a recording end; it decides how short the fading window of the last chunks is."""
        trim = self._n_trim_samples
        inner = self.n_chunk_samples - 2 * trim
        return end + inner + trim - (end - trim) % inner

    def _vocals(self, chunk: Waves) -> Waves:
        spectrum = self._spectrogram.of(chunk)
        spectrum[:, :N_SILENCED_BINS] = 0
        try:
            separated = self._session.run(None, {self._session.get_inputs()[0].name: spectrum[None]})[0]
        except Exception as error:  # ONNX Runtime's classes share no base
            raise self._failure(error, f"it does not run: {error}") from error
        if separated.shape != (1, *spectrum.shape):
            raise self._unusable(f"it makes {list(separated.shape)} of {[1, *spectrum.shape]}")
        return self._spectrogram.invert(separated[0]) * np.float32(COMPENSATION)

    def _open(self, model: Path, use_gpu: bool) -> onnxruntime.InferenceSession:
        if not model.is_file():
            raise self._unusable("it is missing")
        wanted = ["CUDAExecutionProvider"] * use_gpu + ["CPUExecutionProvider"]
        providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is raised
        try:
            return onnxruntime.InferenceSession(str(model), options, providers=providers)
        except Exception as error:  # ONNX Runtime's classes share no base
            raise self._failure(error, "it is damaged, cut short or no ONNX model") from error

    def _input_size(self) -> tuple[int, int]:
        """Bins and frames."""
        inputs = self._session.get_inputs()
        shape = inputs[0].shape if len(inputs) == 1 else []
        match shape:
            case [_, 4, int(n_bins), int(n_frames)] if inputs[0].type == "tensor(float)":
                return n_bins, n_frames
        seen = ", ".join(f"{tensor.name} {tensor.shape}" for tensor in inputs)
        raise self._unusable(f"an MDX-Net reads float [batch, 4, bins, frames], this model {seen}")

    def _failure(self, error: Exception, problem: str) -> EmoHalloError:
        if any(words in str(error).lower() for words in NO_MEMORY):
            return OutOfMemory("the GPU ran out of memory for vocal separation", "see what else runs on this GPU")
        return self._unusable(problem)

    def _unusable(self, problem: str) -> UnusableModelFile:
        return UnusableModelFile(f"the vocal separator {self._name} cannot be used: {problem}")


class _CrossFade:
    """Adds up overlapping chunks under Hann windows and divides by the windows' sum."""

    def __init__(self, n_chunk_samples: int, n_step_samples: int) -> None:
        self._sum = np.zeros((N_CHANNELS, n_chunk_samples))
        self._weight = np.zeros(n_chunk_samples)
        self._step = n_step_samples

    def add(self, chunk: Waves, n_samples: int) -> Waves:
        """Take a chunk, of which so many samples count, and return what no later one will change."""
        window = np.hanning(n_samples)
        self._sum[:, :n_samples] += chunk[:, :n_samples] * window
        self._weight[:n_samples] += window
        # the very first sample weighs nothing; it precedes the recording
        ready: Waves = (self._sum[:, : self._step] / np.maximum(self._weight[: self._step], 1e-12)).astype(np.float32)
        self._sum, self._weight = self._shifted(self._sum), self._shifted(self._weight)
        return ready

    def _shifted(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        shifted = np.zeros_like(values)
        shifted[..., : -self._step] = values[..., self._step :]
        return shifted
