"""From the released files to networks, and what happens to a file that is not one of them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from emo_hallo_ray.hallo2.errors import WrongCheckpoint
from emo_hallo_ray.super_resolution.checkpoint import load_background, load_restorer
from tests.tiny_models.super_resolution import write_background, write_restorer

CPU = torch.device("cpu")
LOADERS = [(load_restorer, write_restorer), (load_background, write_background)]

Load = Callable[[Path, torch.device, torch.dtype], torch.nn.Module]
Write = Callable[[Path], Path]


@pytest.mark.parametrize(("load", "write"), LOADERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_every_tensor_is_loaded_in_the_wanted_type(load: Load, write: Write, dtype: torch.dtype, tmp_path: Path):
    path = write(tmp_path / "net.pth")
    saved = torch.load(path, weights_only=True)["params_ema"]
    loaded = load(path, CPU, dtype).state_dict()
    assert loaded.keys() == saved.keys()
    assert all(torch.equal(tensor, saved[name].to(dtype)) for name, tensor in loaded.items())


@pytest.mark.parametrize(("load", "write"), LOADERS)
def test_a_file_cut_short_is_refused(load: Load, write: Write, tmp_path: Path):
    path = write(tmp_path / "net.pth")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WrongCheckpoint, match="cut short"):
        load(path, CPU, torch.float32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ft_layers.0.linear1.weight": None}, "it has no tensor 'ft_layers.0.linear1.weight'"),
        ({"ft_layers.1.norm1.bias": None}, "it lacks ft_layers.1.norm1.bias"),
        ({"surplus": (1,)}, "it should not have surplus"),
        ({"feat_emb.bias": (7,)}, "of another shape feat_emb.bias"),
        ({"ft_layers.0.linear1.weight": ()}, "shapes that make no such network"),
        ({"position_emb": (256, 30)}, "shapes that make no such network"),
        ({"quantize.embedding.weight": (64,)}, "shapes that make no such network"),
        ({"encoder.": None}, "it has no tensor 'encoder.blocks.0'"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(change: dict[str, tuple[int, ...] | None], words: str, tmp_path: Path):
    path = write_restorer(tmp_path / "net.pth")
    state = torch.load(path, weights_only=True)["params_ema"]
    for name, shape in change.items():
        state = {key: tensor for key, tensor in state.items() if not key.startswith(name)}
        if shape is not None:
            state[name] = torch.zeros(shape)
    torch.save({"params_ema": state}, path)
    with pytest.raises(WrongCheckpoint) as refusal:
        load_restorer(path, CPU, torch.float32)
    assert words in str(refusal.value)


def test_weights_that_are_not_wrapped_as_released_are_refused(tmp_path: Path):
    path = write_background(tmp_path / "net.pth")
    torch.save(torch.load(path, weights_only=True)["params_ema"], path)
    with pytest.raises(WrongCheckpoint, match="no state dict under 'params_ema'"):
        load_background(path, CPU, torch.float32)
