"""The spectrogram that MDX-Net models read and write: real and imaginary parts as channels, the top bins cut off."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft
from scipy.signal.windows import hann

HOP_SAMPLES = 1024  # of every model in the family

Waves = NDArray[np.float32]  # (C, n) at 44.1 kHz


@dataclass(frozen=True)
class Spectrogram:
    """A short-time Fourier transform and its inverse: periodic Hann windows, centred, mirrored at the ends.

    Attributes:
        n_fft: samples in a window.
        n_bins: bins that are kept, from the lowest; the others come back as zeros.
    """

    n_fft: int
    n_bins: int

    def of(self, waves: Waves) -> NDArray[np.float32]:
        """(C, n) → (2 C, n_bins, 1 + n / hop): for each channel its real parts, then its imaginary ones."""
        mirrored = np.pad(waves, ((0, 0), (self.n_fft // 2, self.n_fft // 2)), mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(mirrored, self.n_fft, axis=1)[:, ::HOP_SAMPLES]
        bins = rfft(frames * self._window, axis=2)[:, :, : self.n_bins].transpose(0, 2, 1)
        parts = np.stack([bins.real, bins.imag], axis=1)  # C 2 bins frames
        spectrum: NDArray[np.float32] = parts.reshape(2 * len(waves), self.n_bins, -1)
        return spectrum

    def invert(self, spectrum: NDArray[np.float32]) -> Waves:
        """(2 C, n_bins, T) → (C, (T - 1) × hop), by weighted overlap-add."""
        n_frames = spectrum.shape[2]
        parts = spectrum.reshape(-1, 2, self.n_bins, n_frames)
        bins = (parts[:, 0] + np.complex64(1j) * parts[:, 1]).transpose(0, 2, 1)
        frames = irfft(bins, self.n_fft, axis=2) * self._window  # missing bins are zeros
        waves: Waves = np.zeros((len(bins), self.n_fft + (n_frames - 1) * HOP_SAMPLES), np.float32)
        weight: Waves = np.zeros(waves.shape[1], np.float32)
        for i in range(n_frames):
            place = slice(i * HOP_SAMPLES, i * HOP_SAMPLES + self.n_fft)
            waves[:, place] += frames[:, i]
            weight[place] += self._window**2
        inner = slice(self.n_fft // 2, -(self.n_fft // 2))
        return waves[:, inner] / weight[inner]

    @property
    def _window(self) -> NDArray[np.float32]:
        window: NDArray[np.float32] = hann(self.n_fft, sym=False).astype(np.float32)
        return window
