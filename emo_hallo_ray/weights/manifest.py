"""Every model file that this project can use: where it lies, where it comes from, and who may use it for what.

The layout is that of Hallo2's own `pretrained_models`; a folder made by the original's instructions is used as it is.
Sizes are approximate, for tables and first checks. True sizes and checksums come from the hub at download time.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

HALLO2, SUPER_RESOLUTION = "hallo2", "super-resolution"
ENGINES = (HALLO2, SUPER_RESOLUTION)
DEFAULT_ENGINE = HALLO2


@dataclass(frozen=True)
class Licence:
    """What its author allows.

    Attributes:
        name: SPDX identifier where there is one.
        is_commercial_use_allowed: None where the author does not say; that is no permission.
        remark: what a reader of the name alone would miss.
    """

    name: str
    url: str
    is_commercial_use_allowed: bool | None
    remark: str = ""


@dataclass(frozen=True)
class Source:
    """A file on the Hugging Face hub, or on a mirror of it."""

    repository: str
    path: str
    revision: str = "main"


@dataclass(frozen=True)
class ModelFile:
    """One file below the weights root.

    Attributes:
        path: relative to the root, with forward slashes.
        engine: what needs it, one of `ENGINES`.
        is_required: the engine does not run without it.
        other_names: names under which mirrors carry the same weights in another container; as good when present.
    """

    path: str
    purpose: str
    engine: str
    licence: Licence
    source: Source
    approximate_bytes: int
    is_required: bool = True
    other_names: tuple[str, ...] = ()

    @property
    def is_default(self) -> bool:
        """Whether `models download` fetches it unasked."""
        return self.is_required and self.engine == DEFAULT_ENGINE

    def candidates(self, root: Path) -> list[Path]:
        """Where it may lie, the usual place first."""
        usual = root / PurePosixPath(self.path)
        return [usual, *(usual.with_name(name) for name in self.other_names)]

    def find(self, root: Path) -> Path | None:
        """Where it does lie: the first place that holds any bytes."""
        return next((path for path in self.candidates(root) if _holds_bytes(path)), None)


def files_of(engine: str, *folders: str) -> list[ModelFile]:
    """What an engine uses, required or not. Engines that the manifest does not know need no files.

    Args:
        folders: only what lies in these; all of it where none is named.
    """
    files = [file for file in MODEL_FILES if file.engine == engine]
    return [file for file in files if not folders or file.path.startswith(tuple(f"{name}/" for name in folders))]


def file_at(path: str) -> ModelFile | None:
    """The file with this path below the root."""
    return next((file for file in MODEL_FILES if file.path == path), None)


def _holds_bytes(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError:  # a folder that may not be read holds nothing that can be used
        return False


_MIT = "https://spdx.org/licenses/MIT.html"
HALLO2_LICENCE = Licence(
    "MIT",
    _MIT,
    is_commercial_use_allowed=True,
    remark="fine-tuned from Stable Diffusion 1.5, whose CreativeML Open RAIL-M restrictions on use may carry over",
)
VAE_LICENCE = Licence("MIT", _MIT, is_commercial_use_allowed=True)
WAV2VEC_LICENCE = Licence("Apache-2.0", "https://spdx.org/licenses/Apache-2.0.html", is_commercial_use_allowed=True)
INSIGHTFACE_LICENCE = Licence(
    "InsightFace model licence",
    "https://github.com/deepinsight/insightface#license",
    is_commercial_use_allowed=False,
    remark="non-commercial research only, unless InsightFace sells you another licence",
)
# the model's author publishes it without terms; the program it became known by, Ultimate Vocal Remover, is MIT
SEPARATOR_LICENCE = Licence(
    "not stated",
    "https://github.com/Anjok07/ultimatevocalremovergui#license",
    is_commercial_use_allowed=None,
    remark="published without terms that we know of; the MIT licence of Ultimate Vocal Remover is for its code",
)
S_LAB_LICENCE = Licence(
    "S-Lab License 1.0",
    "https://github.com/sczhou/CodeFormer/blob/master/LICENSE",
    is_commercial_use_allowed=False,
    remark="non-commercial only; Hallo2's super-resolution is a modified CodeFormer",
)
REAL_ESRGAN_LICENCE = Licence(
    "BSD-3-Clause", "https://spdx.org/licenses/BSD-3-Clause.html", is_commercial_use_allowed=True
)


def _hallo2_tree(path: str) -> Source:
    # the authors keep the whole layout in one repository, third parties' files included
    return Source("fudan-generative-ai/hallo2", path)


VAE, WAV2VEC, FACES = "sd-vae-ft-mse", "wav2vec/wav2vec2-base-960h", "face_analysis/models"
NETWORKS, SEPARATOR = "hallo2", "audio_separator"

MODEL_FILES = (
    ModelFile(
        path="hallo2/net.pth",
        purpose="both UNets, the motion modules and the projections of face and speech",
        engine=HALLO2,
        licence=HALLO2_LICENCE,
        source=_hallo2_tree("hallo2/net.pth"),
        approximate_bytes=4_851_000_000,
    ),
    ModelFile(
        path=f"{VAE}/config.json",
        purpose="shape of the image autoencoder",
        engine=HALLO2,
        licence=VAE_LICENCE,
        source=_hallo2_tree(f"{VAE}/config.json"),
        approximate_bytes=550,
    ),
    ModelFile(
        path=f"{VAE}/diffusion_pytorch_model.safetensors",
        purpose="image autoencoder",
        engine=HALLO2,
        licence=VAE_LICENCE,
        source=_hallo2_tree(f"{VAE}/diffusion_pytorch_model.safetensors"),
        approximate_bytes=334_600_000,
        other_names=("diffusion_pytorch_model.bin",),
    ),
    ModelFile(
        path=f"{WAV2VEC}/config.json",
        purpose="shape of the speech encoder",
        engine=HALLO2,
        licence=WAV2VEC_LICENCE,
        source=_hallo2_tree(f"{WAV2VEC}/config.json"),
        approximate_bytes=1_600,
    ),
    ModelFile(
        path=f"{WAV2VEC}/preprocessor_config.json",
        purpose="how the speech encoder wants its samples",
        engine=HALLO2,
        licence=WAV2VEC_LICENCE,
        source=_hallo2_tree(f"{WAV2VEC}/preprocessor_config.json"),
        approximate_bytes=160,
    ),
    ModelFile(
        path=f"{WAV2VEC}/model.safetensors",
        purpose="speech encoder",
        engine=HALLO2,
        licence=WAV2VEC_LICENCE,
        source=_hallo2_tree(f"{WAV2VEC}/model.safetensors"),
        approximate_bytes=377_600_000,
        other_names=("pytorch_model.bin",),
    ),
    ModelFile(
        path=f"{FACES}/scrfd_10g_bnkps.onnx",
        purpose="face detector",
        engine=HALLO2,
        licence=INSIGHTFACE_LICENCE,
        source=_hallo2_tree(f"{FACES}/scrfd_10g_bnkps.onnx"),
        approximate_bytes=16_900_000,
    ),
    ModelFile(
        path=f"{FACES}/glintr100.onnx",
        purpose="face identity",
        engine=HALLO2,
        licence=INSIGHTFACE_LICENCE,
        source=_hallo2_tree(f"{FACES}/glintr100.onnx"),
        approximate_bytes=260_700_000,
    ),
    ModelFile(
        path="audio_separator/Kim_Vocal_2.onnx",
        purpose="takes music away from speech",
        engine=HALLO2,
        licence=SEPARATOR_LICENCE,
        source=_hallo2_tree("audio_separator/Kim_Vocal_2.onnx"),
        approximate_bytes=66_800_000,
        is_required=False,
    ),
    ModelFile(
        path="hallo2/net_g.pth",
        purpose="temporal face restorer",
        engine=SUPER_RESOLUTION,
        licence=S_LAB_LICENCE,
        source=_hallo2_tree("hallo2/net_g.pth"),
        approximate_bytes=904_700_000,
    ),
    ModelFile(
        path="realesrgan/RealESRGAN_x2plus.pth",
        purpose="enlarges what is around the face",
        engine=SUPER_RESOLUTION,
        licence=REAL_ESRGAN_LICENCE,
        source=_hallo2_tree("realesrgan/RealESRGAN_x2plus.pth"),
        approximate_bytes=67_100_000,
    ),
)
