"""wav2vec2's files: either container, names of any age, and one error that names the file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from emo_hallo_ray.errors import UnusableModelFile
from emo_hallo_ray.speech.checkpoint import load_wav2vec
from tests.tiny_models.speech import write_wav2vec


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_wav2vec(tmp_path / "wav2vec" / "wav2vec2-base-960h")


def test_older_container_gives_the_same_network(folder: Path) -> None:
    expected = load_wav2vec(folder).state_dict()
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()

    found = load_wav2vec(folder).state_dict()

    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_names_of_newer_releases_are_understood(folder: Path) -> None:
    expected = load_wav2vec(folder).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in expected.items()}, folder / "model.safetensors")

    found = load_wav2vec(folder).state_dict()

    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_network_is_ready_for_inference(folder: Path) -> None:
    model = load_wav2vec(folder)

    assert not model.training
    assert {tensor.dtype for tensor in model.parameters()} == {torch.float32}
    assert not any(tensor.is_meta or tensor.requires_grad for tensor in model.parameters())


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def change_config(folder: Path, **fields: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **fields}))


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


PROJECTION = "wav2vec2.feature_projection.projection.weight"


@pytest.mark.parametrize(
    ("spoil", "file", "problem"),
    [
        (lambda f: (f / "config.json").unlink(), "config.json", "missing"),
        (lambda f: cut_short(f / "config.json"), "config.json", "damaged or cut short"),
        (lambda f: (f / "config.json").write_text("[]"), "config.json", "damaged or cut short"),
        (lambda f: change_config(f, model_type="hubert"), "config.json", "'hubert' and not 'wav2vec2'"),
        (lambda f: change_config(f, feat_extract_norm="layer"), "config.json", "feat_extract_norm is 'layer'"),
        (lambda f: change_config(f, do_stable_layer_norm=True), "config.json", "do_stable_layer_norm is True"),
        (lambda f: change_config(f, conv_kernel=[11, 3, 3, 3, 3, 2, 2]), "config.json", "first convolution"),
        (lambda f: change_config(f, num_hidden_layers=4), "model.safetensors", r"has no encoder\.layers\.3"),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors", "missing, and so is pytorch_model.bin"),
        (lambda f: cut_short(f / "model.safetensors"), "model.safetensors", "damaged or cut short"),
        (lambda f: (f / "model.safetensors").write_bytes(b""), "model.safetensors", "damaged or cut short"),
        (lambda f: change_weights(f, lambda w: w.pop(PROJECTION)), "model.safetensors", "has no feature_projection"),
        (
            lambda f: change_weights(f, lambda w: w.update({PROJECTION: torch.zeros(32, 7)})),
            "model.safetensors",
            r"is \[32, 7\] and not \[32, 24\]",
        ),
    ],
)
def test_unusable_file_is_named_with_what_mends_it(
    folder: Path, spoil: Callable[[Path], object], file: str, problem: str
) -> None:
    spoil(folder)

    with pytest.raises(UnusableModelFile, match=problem) as caught:
        load_wav2vec(folder)

    assert f"wav2vec/wav2vec2-base-960h/{file}" in caught.value.detail
    assert str(folder) not in str(caught.value)
    assert caught.value.hint == "run: emo-hallo models download"


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"PK\x03\x04 cut short"])
def test_unusable_older_container_is_named(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(content)

    with pytest.raises(UnusableModelFile, match=r"pytorch_model\.bin cannot be used"):
        load_wav2vec(folder)


class Boom:
    """Runs something when unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return Path.touch, (Path("owned"),)  # type: ignore[return-value]


def test_code_in_a_pickle_is_not_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"weight": Boom()}, folder / "pytorch_model.bin")
    monkeypatch.chdir(folder)

    with pytest.raises(UnusableModelFile):
        load_wav2vec(folder)

    assert not (folder / "owned").exists()
