"""Where each model file lies, and which are missing. Cheap: stat calls, and neither torch nor the hub's library."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emo_hallo_ray.weights.manifest import FACES, VAE, WAV2VEC, ModelFile, files_of

if TYPE_CHECKING:
    from emo_hallo_ray.weights.source import WeightsSource


@dataclass(frozen=True)
class WeightsLayout:
    """Paths below a weights root, in the layout of Hallo2's `pretrained_models`."""

    root: Path

    @property
    def hallo2_net(self) -> Path:
        """Hallo2's own checkpoint."""
        return self.root / "hallo2" / "net.pth"

    @property
    def vae_folder(self) -> Path:
        """Image autoencoder in diffusers' layout; its weights are safetensors or .bin."""
        return self.root / VAE

    @property
    def wav2vec_folder(self) -> Path:
        """Speech encoder in transformers' layout; its weights are safetensors or .bin."""
        return self.root / WAV2VEC

    @property
    def face_detector(self) -> Path:
        """SCRFD with five landmarks."""
        return self.root / FACES / "scrfd_10g_bnkps.onnx"

    @property
    def face_identity(self) -> Path:
        """ArcFace, 512 numbers per face."""
        return self.root / FACES / "glintr100.onnx"

    @property
    def vocal_separator(self) -> Path:
        """MDX-Net that takes music away; optional."""
        return self.root / "audio_separator" / "Kim_Vocal_2.onnx"

    @property
    def restorer(self) -> Path:
        """Temporal CodeFormer of the super-resolution stage; non-commercial."""
        return self.root / "hallo2" / "net_g.pth"

    @property
    def background_upscaler(self) -> Path:
        """RealESRGAN ×2 of the super-resolution stage."""
        return self.root / "realesrgan" / "RealESRGAN_x2plus.pth"


def missing_files(root: Path, engine: str, source: "WeightsSource | None" = None) -> list[str]:
    """Required files of an engine that are absent or empty, here and in the source, as paths relative to the root.

    For autoencoder and speech encoder either container of the weights will do, safetensors or .bin.
    """
    required = [file for file in files_of(engine) if file.is_required and file.find(root) is None]
    return [file.path for file in required if source is None or source.name_of(file) is None]


def partial_path(destination: Path, checksum: str) -> Path:
    """Where a file grows while it is downloaded: beside its place, so that it moves there by a rename.

    It is named by the content that is expected, so that bytes of two versions never meet in one file.
    """
    return destination.with_name(f"{destination.name}.{checksum[:12]}.partial")


def partial_files(file: ModelFile, root: Path) -> list[Path]:
    """What interrupted downloads of a file left, of any version of it."""
    usual = file.candidates(root)[0]
    return sorted(usual.parent.glob(f"{usual.name}.*.partial"))
