"""From `net.pth` to networks: the released names and shapes, and what happens to a file that is not it."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.loading import write_checkpoint
from emo_hallo_ray.hallo2.checkpoint import load_networks
from emo_hallo_ray.hallo2.config import Hallo2Config, UNetConfig
from emo_hallo_ray.hallo2.errors import WrongCheckpoint
from emo_hallo_ray.hallo2.networks import Hallo2Networks
from tests.tiny_models.hallo2 import TINY, make_networks
from tests.unit.hallo2 import golden

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hallo2") / "net.pth"
    torch.save(make_networks().state_dict(), path)
    return path


def test_full_size_keys_and_shapes_are_the_released_ones():
    with gzip.open(golden.PARITY / "keys" / "net.json.gz", "rt") as file:
        released = {name: torch.Size(shape) for name, shape in json.load(file).items()}
    with torch.device("meta"):
        networks = Hallo2Networks(Hallo2Config())
    assert {name: tensor.shape for name, tensor in networks.state_dict().items()} == released
    assert Hallo2Config.of_checkpoint(released) == Hallo2Config()


@pytest.mark.parametrize(
    "unet",
    [
        UNetConfig((32, 64), layers_per_block=1, heads=4, identity_width=24, audio_width=40),
        UNetConfig((64, 32, 96), layers_per_block=3, heads=2, identity_width=8, audio_width=8, groups=16),
        UNetConfig((32, 64, 64, 128, 128), layers_per_block=1, latent_channels=8),
    ],
)
def test_any_size_is_read_off_its_checkpoint(unet: UNetConfig):
    config = Hallo2Config(unet, 100, 3, 200, 30, 7, (4, 8))
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in Hallo2Networks(config).state_dict().items()}
    assert Hallo2Config.of_checkpoint(shapes, heads=unet.heads, groups=unet.groups) == config


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_loads_every_tensor_in_the_wanted_type(net: Path, dtype: torch.dtype):
    saved = torch.load(net, weights_only=True)
    networks = load_networks(net, CPU, dtype)
    assert networks.config == TINY
    loaded = networks.state_dict()
    unused = {name for name in saved if "down_blocks.3.motion" in name or "up_blocks.0.motion" in name}
    assert loaded.keys() == saved.keys() - unused
    assert all(torch.equal(tensor, saved[name].to(dtype)) for name, tensor in loaded.items())
    assert all(tensor.dtype == dtype for tensor in loaded.values())


def test_strict_loading_names_what_is_missing():
    networks = make_networks()
    state = networks.state_dict()
    networks.load_state_dict(state, strict=True)
    del state["denoising_unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_k.weight"]
    with pytest.raises(RuntimeError, match="attn1"):
        networks.load_state_dict(state, strict=True)


def test_a_file_cut_short_is_refused(net: Path, tmp_path: Path):
    cut = tmp_path / "net.pth"
    cut.write_bytes(net.read_bytes()[: net.stat().st_size // 2])
    with pytest.raises(WrongCheckpoint, match="cut short"):
        load_networks(cut, CPU, torch.float32)


@pytest.mark.parametrize("content", [b"", b"<html>Not found</html>"])
def test_a_file_of_something_else_is_refused(content: bytes, tmp_path: Path):
    path = tmp_path / "net.pth"
    path.write_bytes(content)
    with pytest.raises(WrongCheckpoint):
        load_networks(path, CPU, torch.float32)


def test_another_models_file_is_refused(tmp_path: Path):
    path = tmp_path / "net.pth"
    torch.save({"params_ema": {"weight": torch.zeros(3)}}, path)
    with pytest.raises(WrongCheckpoint, match="no state dict"):
        load_networks(path, CPU, torch.float32)
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(WrongCheckpoint, match="another model"):
        load_networks(path, CPU, torch.float32)


def test_differing_tensors_are_named(net: Path, tmp_path: Path):
    state = torch.load(net, weights_only=True)
    del state["face_locator.conv_out.bias"]
    state["surplus.weight"] = torch.zeros(1)
    state["denoising_unet.conv_out.bias"] = torch.zeros(7)
    path = tmp_path / "net.pth"
    torch.save(state, path)
    with pytest.raises(WrongCheckpoint) as refusal:
        load_networks(path, CPU, torch.float32)
    for words in (
        "lacks face_locator.conv_out.bias",
        "not have surplus.weight",
        "another shape denoising_unet.conv_ou",
    ):
        assert words in str(refusal.value)


class Hostile:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("code from a checkpoint ran",))


def test_a_checkpoint_runs_no_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "net.pth"
    torch.save({"weight": Hostile()}, path)
    with pytest.raises(WrongCheckpoint, match="not safe"):
        load_networks(path, CPU, torch.float32)
    assert capsys.readouterr().out == ""


MEASURE = """
import sys
from pathlib import Path
from benchmarks.loading import measure
measure(Path(sys.argv[1]), sys.argv[2])
"""


@pytest.mark.parametrize(
    ("stored", "wanted"), [("float32", "float32"), ("float16", "float32"), ("float32", "bfloat16")]
)
def test_loading_needs_no_second_copy(stored: str, wanted: str, tmp_path: Path):
    """Peak resident memory while loading, in a process of its own, over the size of the tensors in the wanted type."""
    path = tmp_path / "net.pth"
    config = Hallo2Config(UNetConfig((96, 192, 384, 384)))
    n_values = write_checkpoint(path, config, getattr(torch, stored))
    size = n_values * getattr(torch, wanted).itemsize
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, path, wanted], capture_output=True, text=True, check=True, timeout=120
    )
    peak = int(run.stdout.split()[1])
    assert 0.9 * size < peak < 1.2 * size, f"{peak / size:.2f} times the size"
