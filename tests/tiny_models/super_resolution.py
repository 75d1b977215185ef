"""Small `net_g.pth` and `RealESRGAN_x2plus.pth`: the released files' names, narrow, every parameter random."""

from collections.abc import Mapping
from pathlib import Path

import torch

from tests.unit.super_resolution.recorded import generated_weights, released_shapes

# what becomes of each width of the released networks; group norms want multiples of 32
RESTORER_WIDTHS = {64: 32, 128: 32, 256: 32, 512: 32, 1024: 64, 1536: 96}
BACKGROUND_WIDTHS = {32: 4, 64: 8, 96: 12, 128: 16, 160: 20, 192: 24}
N_LAYERS = 2


def restorer_shapes() -> dict[str, torch.Size]:
    """Two layers deep; faces are 512 pixels as in the released one."""
    shapes = _narrow(released_shapes("codeformer_net_g"), RESTORER_WIDTHS, "ft_layers.")
    width = RESTORER_WIDTHS[512]
    for name in list(shapes):
        if name.endswith(("encode_enc.conv1.weight", "encode_enc.conv_out.weight")):
            shapes[name] = torch.Size((width, 2 * width, *shapes[name][2:]))  # joins two maps
        elif "encode_enc.norm1" in name:
            shapes[name] = torch.Size((2 * width,))
        elif "blocks" in name and "conv_out" in name:
            del shapes[name]  # there only where the width changes
    return shapes | {"position_emb": torch.Size((256, width))}


def background_shapes() -> dict[str, torch.Size]:
    """Two blocks deep."""
    return _narrow(released_shapes("realesrgan_x2plus"), BACKGROUND_WIDTHS, "body.")


def write_restorer(path: Path, seed: int = 1) -> Path:
    """`hallo2/net_g.pth`."""
    return _write(path, restorer_shapes(), seed)


def write_background(path: Path, seed: int = 1) -> Path:
    """`realesrgan/RealESRGAN_x2plus.pth`."""
    return _write(path, background_shapes(), seed)


def _narrow(released: Mapping[str, torch.Size], widths: Mapping[int, int], chain: str) -> dict[str, torch.Size]:
    return {
        name: torch.Size(widths.get(size, size) for size in shape)
        for name, shape in released.items()
        if not name.startswith(chain) or int(name.removeprefix(chain).split(".")[0]) < N_LAYERS
    }


def _write(path: Path, shapes: Mapping[str, torch.Size], seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"params_ema": generated_weights(shapes, seed, gains={})}, path)
    return path
