"""A small `net.pth` and VAE in the released layout, with every parameter random: a missing layer shows."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from emo_hallo_ray.hallo2.config import Hallo2Config, UNetConfig
from emo_hallo_ray.hallo2.networks import Hallo2Networks

WAV2VEC_LAYERS, WAV2VEC_WIDTH = 3, 32

TINY = Hallo2Config(
    unet=UNetConfig((32, 32, 64, 64), layers_per_block=1, identity_width=16, audio_width=16),
    audio_input=5 * WAV2VEC_LAYERS * WAV2VEC_WIDTH,
    audio_hidden=24,
    audio_tokens=4,
    locator_widths=(4, 8, 8, 16),
)


def make_networks(config: Hallo2Config = TINY, seed: int = 0) -> Hallo2Networks:
    """Networks with seeded random weights of a size that keeps activations sane."""
    random = torch.Generator().manual_seed(seed)
    networks = Hallo2Networks(config)
    with torch.no_grad():
        for name, tensor in networks.state_dict().items():
            tensor.normal_(generator=random)
            if tensor.dim() > 1:
                tensor.mul_(0.7 / tensor[0].numel() ** 0.5)
            else:
                tensor.mul_(0.1).add_(1.0 if name.endswith("weight") else 0.0)
    return networks.eval()


def write_net(path: Path) -> None:
    """`hallo2/net.pth`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(make_networks().state_dict(), path)


def write_vae(folder: Path) -> None:
    """`sd-vae-ft-mse/`: configuration and weights as diffusers writes them."""
    settings = {
        "block_out_channels": [8, 8, 16, 16],
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "latent_channels": 4,
    }
    torch.manual_seed(0)
    AutoencoderKL(**settings).save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["block_out_channels"] == [8, 8, 16, 16]
