"""A recording as wav2vec2 wants to hear it: normalised as a whole, padded to whole clips, read a stretch at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.engines.base import FPS, N_CLIP_FRAMES
from emo_hallo_ray.media.audio import SAMPLE_RATE_HZ, Samples, iter_blocks, read_window

SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // FPS
VARIANCE_FLOOR = 1e-7
# wav2vec2's first layer slides a window of so many samples by so many
FIRST_KERNEL = 10
FIRST_STRIDE = 5


@dataclass(frozen=True)
class Length:
    """How long a recording is, and how long after padding.

    Attributes:
        n_rows: of features; video frames and the padding's.
        n_padding_samples: zeros that follow the normalised recording.
    """

    n_samples: int
    n_rows: int
    n_padding_samples: int

    @classmethod
    def of(cls, n_samples: int) -> "Length":
        """Pad to whole clips, and only a recording whose frames do not fill them.

        For recordings of up to a minute that is what the original does. It counts the frames of earlier minutes in when
        it pads the last one, and so drops a longer recording's tail or appends a clip of silence; we do neither.
        """
        n_frames = -(-n_samples * FPS // SAMPLE_RATE_HZ)
        n_rows = -(-n_frames // N_CLIP_FRAMES) * N_CLIP_FRAMES
        return cls(n_samples, n_rows, (n_rows - n_frames) * SAMPLES_PER_FRAME)

    @property
    def n_padded_samples(self) -> int:
        """Both together."""
        return self.n_samples + self.n_padding_samples


@dataclass(frozen=True)
class Statistics:
    """Figures over a whole recording that make its features independent of where it is cut.

    Attributes:
        mean: of the samples.
        variance: of the samples.
        patch_mean: of the first layer's inputs, taken from the normalised and padded recording, (10,).
        patch_covariance: of the same, (10, 10). That layer normalises each of its channels over all of the recording;
            a channel's mean and variance follow from these two and its weights.
    """

    mean: float
    variance: float
    patch_mean: NDArray[np.float64]
    patch_covariance: NDArray[np.float64]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "Statistics":
        """The opposite of `to_arrays`."""
        values = {name: arrays[name].astype(np.float64) for name in cls.__dataclass_fields__}
        level = float(values["mean"]), float(values["variance"])
        return cls(*level, values["patch_mean"], values["patch_covariance"])

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """As `SpeechTrack` carries it."""
        return {
            "mean": np.array(self.mean),
            "variance": np.array(self.variance),
            "patch_mean": self.patch_mean,
            "patch_covariance": self.patch_covariance,
        }

    def normalise(self, samples: Samples) -> Samples:
        """Zero mean and unit variance, for the recording as a whole."""
        scale = np.float32(np.sqrt(self.variance + VARIANCE_FLOOR))
        return (samples - np.float32(self.mean)) / scale


@dataclass(frozen=True)
class Recording:
    """A 16-bit mono WAV at 16 kHz with what was measured of it."""

    path: Path
    length: Length
    statistics: Statistics

    def read(self, start_sample: int, n_samples: int) -> Samples:
        """Normalised samples; zeros where the recording is over."""
        samples = self.statistics.normalise(read_window(self.path, start_sample, n_samples))
        samples[max(0, self.length.n_samples - start_sample) :] = 0
        return samples


def measure(path: Path, length: Length) -> Statistics:
    """Stream over the recording twice, in constant memory."""
    sums = np.sum([(b.sum(dtype=np.float64), np.square(b, dtype=np.float64).sum()) for b in iter_blocks(path)], axis=0)
    mean, mean_square = sums / max(1, length.n_samples)
    level = Statistics(float(mean), float(max(0.0, mean_square - mean**2)), np.zeros(0), np.zeros(0))
    n_patches, patch_sum, patch_products = 0, np.zeros(FIRST_KERNEL), np.zeros((FIRST_KERNEL, FIRST_KERNEL))
    for patches in _patches(path, length, level):
        n_patches += len(patches)
        patch_sum += patches.sum(axis=0)
        patch_products += patches.T @ patches
    patch_mean = patch_sum / max(1, n_patches)
    covariance = patch_products / max(1, n_patches) - np.outer(patch_mean, patch_mean)
    return Statistics(level.mean, level.variance, patch_mean, covariance)


def _patches(path: Path, length: Length, level: Statistics) -> Iterator[NDArray[np.float64]]:
    """The first layer's inputs, (n, 10)."""
    rest = np.zeros(0, np.float32)
    for block in _normalised(path, length, level):
        samples = np.concatenate([rest, block])
        n_patches = (len(samples) - FIRST_KERNEL) // FIRST_STRIDE + 1
        if n_patches > 0:
            windows = np.lib.stride_tricks.sliding_window_view(samples, FIRST_KERNEL)
            yield windows[: n_patches * FIRST_STRIDE : FIRST_STRIDE].astype(np.float64)
        rest = samples[max(0, n_patches) * FIRST_STRIDE :]


def _normalised(path: Path, length: Length, level: Statistics) -> Iterator[Samples]:
    for block in iter_blocks(path):
        yield level.normalise(block)
    yield np.zeros(length.n_padding_samples, np.float32)
