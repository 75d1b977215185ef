import numpy as np
import pytest
import torch

from emo_hallo_ray.speech.spectrogram import HOP_SAMPLES, Spectrogram


@pytest.fixture(scope="module")
def waves() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((2, 20 * HOP_SAMPLES)).astype(np.float32)


@pytest.mark.parametrize("n_fft", [7680, 2560])
def test_spectrogram_is_torchs(waves: np.ndarray, n_fft: int) -> None:
    window = torch.hann_window(n_fft)

    ours = Spectrogram(n_fft, n_bins=1000).of(waves)
    theirs = torch.stft(torch.from_numpy(waves), n_fft, HOP_SAMPLES, window=window, return_complex=True)

    assert ours.dtype == np.float32
    assert ours.shape == (4, 1000, 21)
    assert np.allclose(ours[0::2], theirs.real[:, :1000], atol=1e-3)
    assert np.allclose(ours[1::2], theirs.imag[:, :1000], atol=1e-3)


@pytest.mark.parametrize("n_fft", [7680, 2560])
def test_inverse_gives_the_waves_back(waves: np.ndarray, n_fft: int) -> None:
    spectrogram = Spectrogram(n_fft, n_bins=n_fft // 2 + 1)

    assert np.abs(spectrogram.invert(spectrogram.of(waves)) - waves).max() < 1e-5
