import numpy as np
import torch

from emo_hallo_ray.speech.windows import windows

from .conftest import Golden


def test_windows_are_the_originals(golden: Golden) -> None:
    rows = golden.outputs["audio_emb.0"]
    with_margin = rows[np.arange(-2, len(rows) + 2).clip(0, len(rows) - 1)]

    assert np.array_equal(windows(with_margin)[..., ::4], golden.outputs["windows.0_s4"])


def test_arrays_and_tensors_give_equal_views() -> None:
    rows = np.random.default_rng(0).standard_normal((20, 3, 8)).astype(np.float32)

    array, tensor = windows(rows), windows(torch.from_numpy(rows))

    assert array.shape == (16, 5, 3, 8)
    assert np.array_equal(array, tensor.numpy())
    assert np.shares_memory(array, rows)
    assert np.shares_memory(tensor.numpy(), rows)
