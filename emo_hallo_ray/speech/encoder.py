"""wav2vec2 as Hallo2 runs it: the sound's features are stretched to the video's frames before attention sees them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv1d
from transformers import Wav2Vec2Model

from emo_hallo_ray.hallo2.batches import Batches
from emo_hallo_ray.speech.checkpoint import load_wav2vec
from emo_hallo_ray.speech.recording import Recording, Statistics

BLOCK_FEATURES = 500  # ten seconds: the first convolution makes 65 MB of them
LEAST_FEATURES = 25  # at a time when memory is short: 3 MB


class SpeechEncoder:
    """The network and its arithmetic. One row of features is one video frame."""

    def __init__(
        self, model: Wav2Vec2Model, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        self._device = torch.device(device)
        self._model: Any = torch.nn.Module.to(model, self._device, dtype)
        self._dtype = dtype
        kernels, strides = model.config.conv_kernel, model.config.conv_stride
        self._layers = list(zip(kernels, strides, strict=True))
        self.blocks = Batches("speech features in the convolutions", BLOCK_FEATURES, LEAST_FEATURES)

    @classmethod
    def load(
        cls, folder: Path, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
    ) -> "SpeechEncoder":
        """Read a released folder: config.json and model.safetensors or pytorch_model.bin.

        Raises:
            UnusableModelFile: a file is missing, cut short or another model's.
        """
        return cls(load_wav2vec(folder), device, dtype)

    def encode(self, recording: Recording, first_row: int, n_rows: int, n_context_rows: int) -> NDArray[np.float32]:
        """Outputs of every layer, (n_rows, L, D); the layers' input is not among them.

        Args:
            n_context_rows: neighbours on either side that attention sees as well, as far as the recording has them.
        """
        first = max(0, first_row - n_context_rows)
        last = min(recording.length.n_rows, first_row + n_rows + n_context_rows)
        wanted = slice(first_row - first, first_row - first + n_rows)
        with torch.inference_mode():
            projected = self.project(self.interpolated(recording, first, last - first))
            states = torch.stack([state[wanted] for state in self._hidden_states(projected)], dim=1)
        rows: NDArray[np.float32] = states.float().cpu().numpy()
        return rows

    def interpolated(self, recording: Recording, first_row: int, n_rows: int) -> Tensor:
        """The sound's features at the times of the rows, (n_rows, C).

        The first row lies on the recording's first feature and the last on its last, wherever a stretch begins: the
        original's interpolation with aligned corners, in double precision.
        """
        n_features = self.n_features(recording.length.n_padded_samples)
        spacing = (n_features - 1) / max(1, recording.length.n_rows - 1)
        positions = np.minimum(np.arange(first_row, first_row + n_rows) * spacing, n_features - 1)
        before = np.floor(positions).astype(np.int64)
        after = np.minimum(before + 1, n_features - 1)
        features = self.conv_features(recording, before[0], after[-1] + 1 - before[0])
        share = torch.from_numpy((positions - before)[:, None]).to(features)
        left, right = (features[torch.from_numpy(index - before[0])] for index in (before, after))
        return left * (1 - share) + right * share

    def conv_features(self, recording: Recording, first_feature: int, n_features: int) -> Tensor:
        """The convolutions' outputs, 50 a second, (n_features, C)."""
        first_weight, first_bias = self._first_layer(recording.statistics)

        def convolve(block: slice) -> Tensor:
            samples = recording.read(*self._samples_of(first_feature + block.start, block.stop - block.start))
            signal = torch.from_numpy(samples)[None, None].to(self._device, self._dtype)
            first, *others = self._model.feature_extractor.conv_layers
            signal = first.activation(conv1d(signal, first_weight, first_bias, stride=self._layers[0][1]))
            for layer in others:
                signal = layer(signal)
            return signal[0].T

        return torch.cat(self.blocks.map(n_features, convolve))

    def project(self, features: Tensor) -> Tensor:
        """The convolutions' width to the layers', (n, C) → (n, D)."""
        projected: Tensor = self._model.feature_projection(features)[0]
        return projected

    def encoder_input(self, projected: Tensor) -> Tensor:
        """Positions added and normalised, (n, D)."""
        encoder = self._model.encoder
        placed: Tensor = encoder.layer_norm(projected[None] + encoder.pos_conv_embed(projected[None]))[0]
        return placed

    def n_features(self, n_samples: int) -> int:
        """How many features so many samples give."""
        for kernel, stride in self._layers:
            n_samples = (n_samples - kernel) // stride + 1
        return n_samples

    def _hidden_states(self, projected: Tensor) -> Iterator[Tensor]:
        state: Any = self.encoder_input(projected)[None]
        for layer in self._model.encoder.layers:
            state = layer(state)
            state = state[0] if isinstance(state, tuple) else state  # transformers 4 also returns the attention
            yield state[0]

    def _first_layer(self, statistics: Statistics) -> tuple[Tensor, Tensor]:
        """Weights and bias of the first convolution with its group norm over the whole recording worked in."""
        layer = self._model.feature_extractor.conv_layers[0]
        kernels = layer.conv.weight.double().cpu().numpy()[:, 0]  # (C, 10)
        mean = kernels @ statistics.patch_mean
        variance = np.einsum("ck,kl,cl->c", kernels, statistics.patch_covariance, kernels)
        gain = layer.layer_norm.weight.double().cpu().numpy() / np.sqrt(np.maximum(variance, 0) + layer.layer_norm.eps)
        bias = layer.layer_norm.bias.double().cpu().numpy() - mean * gain
        weight, offset = (torch.from_numpy(values).to(layer.conv.weight) for values in (kernels * gain[:, None], bias))
        return weight[:, None], offset

    def _samples_of(self, first_feature: int, n_features: int) -> tuple[int, int]:
        """Where the samples behind so many features start, and how many they are."""
        first, n = first_feature, n_features
        for kernel, stride in reversed(self._layers):
            first, n = first * stride, (n - 1) * stride + kernel
        return first, n
