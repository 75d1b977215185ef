"""Which files are missing, told cheaply."""

import subprocess
import sys
from pathlib import Path

from emo_hallo_ray.weights.layout import missing_files
from emo_hallo_ray.weights.manifest import HALLO2, SUPER_RESOLUTION, files_of
from tests.unit.weights.samples import make_content

PROGRAM = """
import sys
from pathlib import Path
from emo_hallo_ray.weights.layout import missing_files
assert missing_files(Path("nowhere"), "hallo2")
heavy = {"torch", "huggingface_hub", "httpx", "httpx2", "numpy", "pydantic"} & set(sys.modules)
sys.exit(f"loaded {heavy}" if heavy else 0)
"""


def write_files(root: Path, engine: str, *left_out: str) -> None:
    for file in files_of(engine):
        if file.path not in left_out:
            path = root / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(make_content(file.path))


def test_every_required_file_is_missing_where_there_is_no_folder(tmp_path: Path) -> None:
    required = [file.path for file in files_of(HALLO2) if file.is_required]

    assert missing_files(tmp_path / "nowhere", HALLO2) == required


def test_a_complete_folder_lacks_nothing(tmp_path: Path) -> None:
    write_files(tmp_path, HALLO2)

    assert missing_files(tmp_path, HALLO2) == []
    assert missing_files(tmp_path, SUPER_RESOLUTION) == ["hallo2/net_g.pth", "realesrgan/RealESRGAN_x2plus.pth"]


def test_an_optional_file_may_be_absent(tmp_path: Path) -> None:
    write_files(tmp_path, HALLO2, "audio_separator/Kim_Vocal_2.onnx")

    assert missing_files(tmp_path, HALLO2) == []


def test_an_empty_file_and_a_folder_in_its_place_count_as_missing(tmp_path: Path) -> None:
    write_files(tmp_path, HALLO2)
    (tmp_path / "hallo2/net.pth").write_bytes(b"")
    (tmp_path / "sd-vae-ft-mse/config.json").unlink()
    (tmp_path / "sd-vae-ft-mse/config.json").mkdir()

    assert missing_files(tmp_path, HALLO2) == ["hallo2/net.pth", "sd-vae-ft-mse/config.json"]


def test_weights_in_the_older_container_will_do(tmp_path: Path) -> None:
    write_files(tmp_path, HALLO2)
    vae, wav2vec = tmp_path / "sd-vae-ft-mse", tmp_path / "wav2vec/wav2vec2-base-960h"
    (vae / "diffusion_pytorch_model.safetensors").rename(vae / "diffusion_pytorch_model.bin")
    (wav2vec / "model.safetensors").rename(wav2vec / "pytorch_model.bin")

    assert missing_files(tmp_path, HALLO2) == []


def test_an_engine_without_weights_lacks_nothing(tmp_path: Path) -> None:
    assert missing_files(tmp_path, "preview") == []


def test_asking_loads_nothing_heavy() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
