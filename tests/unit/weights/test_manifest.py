"""The table of model files, and its agreement with the paths that other code asks for."""

from pathlib import Path

import pytest

from emo_hallo_ray.weights.layout import WeightsLayout
from emo_hallo_ray.weights.manifest import ENGINES, HALLO2, MODEL_FILES, SUPER_RESOLUTION, ModelFile, file_at

FORBIDS_COMMERCE = {
    "face_analysis/models/scrfd_10g_bnkps.onnx",
    "face_analysis/models/glintr100.onnx",
    "hallo2/net_g.pth",
}


@pytest.mark.parametrize("file", MODEL_FILES, ids=lambda file: file.path)
def test_every_file_is_described(file: ModelFile) -> None:
    assert file.engine in ENGINES
    assert file.approximate_bytes > 0
    assert file.purpose
    assert file.licence.name
    assert file.licence.url.startswith("https://")
    assert not Path(file.path).is_absolute()
    assert ".." not in Path(file.path).parts


def test_paths_are_unique() -> None:
    assert len({file.path for file in MODEL_FILES}) == len(MODEL_FILES)


def test_licences_that_forbid_or_do_not_grant_commercial_use_say_so() -> None:
    assert {f.path for f in MODEL_FILES if f.licence.is_commercial_use_allowed is False} == FORBIDS_COMMERCE
    assert {f.path for f in MODEL_FILES if f.licence.is_commercial_use_allowed is None} == {
        "audio_separator/Kim_Vocal_2.onnx"
    }


def test_by_default_neither_optional_files_nor_those_of_super_resolution_are_fetched() -> None:
    defaults = {file.path for file in MODEL_FILES if file.is_default}

    assert defaults == {f.path for f in MODEL_FILES if f.engine == HALLO2} - {"audio_separator/Kim_Vocal_2.onnx"}
    assert "hallo2/net_g.pth" not in defaults


def test_the_layout_names_files_and_folders_of_the_manifest() -> None:
    layout = WeightsLayout(Path("weights"))
    files = (
        layout.hallo2_net,
        layout.face_detector,
        layout.face_identity,
        layout.vocal_separator,
        layout.restorer,
        layout.background_upscaler,
        layout.vae_folder / "config.json",
        layout.vae_folder / "diffusion_pytorch_model.safetensors",
        layout.wav2vec_folder / "config.json",
        layout.wav2vec_folder / "preprocessor_config.json",
        layout.wav2vec_folder / "model.safetensors",
    )

    named = {path.relative_to("weights").as_posix() for path in files}

    assert named == {file.path for file in MODEL_FILES}


def test_a_file_is_found_by_its_path() -> None:
    file = file_at("hallo2/net_g.pth")

    assert file is not None
    assert file.engine == SUPER_RESOLUTION
    assert file_at("hallo2/net_h.pth") is None
