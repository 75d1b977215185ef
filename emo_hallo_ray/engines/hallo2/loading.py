"""From files to networks on the device that suits them; whatever is wrong with a file names the file and the remedy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from emo_hallo_ray.errors import UnusableModelFile
from emo_hallo_ray.hallo2.checkpoint import load_networks
from emo_hallo_ray.hallo2.errors import WrongCheckpoint
from emo_hallo_ray.hallo2.sampling import ClipSampler
from emo_hallo_ray.hallo2.vae import PictureCodec
from emo_hallo_ray.redaction import without_folders
from emo_hallo_ray.weights.layout import WeightsLayout

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
AMPERE = 8  # the first generation of GPUs that computes in bfloat16
PICTURES_AT_A_TIME = {"cpu": 2, "cuda": 8}  # in the autoencoder, where memory peaks


def choose_device(wanted: str) -> torch.device:
    """`auto` is a GPU where there is one."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(wanted)


def choose_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16 on GPUs that compute in it, float16 on older ones, float32 on a CPU."""
    if wanted != "auto":
        return DTYPES[wanted]
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= AMPERE else torch.float16


def load_sampler(layout: WeightsLayout, device: torch.device, dtype: torch.dtype) -> ClipSampler:
    """All that makes clips.

    Raises:
        UnusableModelFile: a file is missing, cut short or another model's.
    """
    vae = _load_vae(layout.vae_folder).to(device, dtype)
    if device.type == "cuda":  # on a CPU, torch's group norm is far less exact in that layout, on large pictures
        vae = vae.to(memory_format=torch.channels_last)
    with _blaming(layout.hallo2_net, layout.root):
        networks = load_networks(layout.hallo2_net, device, dtype)
    return ClipSampler(networks, PictureCodec(vae, PICTURES_AT_A_TIME.get(device.type, 1)))


def _load_vae(folder: Path) -> AutoencoderKL:
    name = f"{folder.name}/"
    if not (folder / "config.json").is_file():
        raise UnusableModelFile(f"{name}config.json is missing")
    try:
        # diffusers also translates the attention layers' names of older files
        vae = AutoencoderKL.from_pretrained(
            folder, local_files_only=True, low_cpu_mem_usage=False, torch_dtype=torch.float32
        )
    except Exception as error:  # a dozen kinds, by what is wrong with which of its files
        reason = without_folders(str(error).splitlines()[0].replace(str(folder), folder.name))
        raise UnusableModelFile(f"{name} holds no usable autoencoder: {reason}") from error
    return vae.eval().requires_grad_(False)


@contextmanager
def _blaming(path: Path, root: Path) -> Iterator[None]:
    name = path.relative_to(root)
    try:
        yield
    except FileNotFoundError as error:
        raise UnusableModelFile(f"{name} is missing") from error
    except WrongCheckpoint as error:
        raise UnusableModelFile(f"{name} cannot be used: {error}") from error
