"""Make networks ready before the first clip: what depends on the size of the frames, and what a first run pays."""

import logging
from collections.abc import Iterator

import torch

from emo_hallo_ray.hallo2.denoising_unet import DenoisingUNet
from emo_hallo_ray.hallo2.kernels import Conv3x3
from emo_hallo_ray.hallo2.sampling import ClipSampler, Subject

logger = logging.getLogger("ray.serve")


def make_ready(sampler: ClipSampler, frame_px: int, n_frames: int, compiling: str) -> None:
    """Prepare for guided clips of this size; others work too, at first more slowly.

    Args:
        compiling: "on", "off", or "auto", which compiles for GPUs.
    """
    unet = sampler.networks.denoising_unet
    device = unet.conv_in.bias.device
    if device.type == "cpu":
        pack_convolutions(unet, 2 * n_frames, frame_px // 8)
    if compiling == "on" or (compiling == "auto" and device.type == "cuda"):
        _compile(sampler, frame_px, n_frames)
    elif device.type == "cuda":
        run_once(sampler, frame_px, n_frames)


def pack_convolutions(unet: DenoisingUNet, n_rows: int, side: int) -> None:
    """Lay all 3×3 weights out for latents of this size."""
    for convolution, level in _convolutions(unet):
        side_in = side >> level
        convolution.pack(torch.Size((n_rows, convolution.in_channels, side_in, side_in)))


def run_once(sampler: ClipSampler, frame_px: int, n_frames: int) -> None:
    """One step of a clip of nothing, guided and not."""
    config = sampler.networks.config
    n_levels = len(config.unet.widths)
    side = frame_px // 8
    subject = Subject(
        identity=torch.zeros(config.identity_input),
        face_region=torch.ones(frame_px, frame_px),
        masks=[torch.ones((side >> level) ** 2, 3) for level in range(n_levels)],
        region_weights=torch.ones(3),
    )
    pictures = torch.zeros(3, 3, frame_px, frame_px)
    speech = torch.zeros(n_frames, config.audio_tokens, config.unet.audio_width)
    constants = sampler.condition(subject, pictures, speech, is_guided=True)
    noise = torch.zeros(n_frames, config.unet.latent_channels, side, side, device=constants.face.device)
    for step in sampler.denoise(constants, noise, n_steps=1, guidance_scale=2.0):
        sampler.codec.decode(step.latents)


def _compile(sampler: ClipSampler, frame_px: int, n_frames: int) -> None:
    plain = sampler.predict
    sampler.predict = torch.compile(plain, dynamic=False)
    try:
        run_once(sampler, frame_px, n_frames)
    except Exception:  # compilers fail in many ways; the networks run without
        logger.exception("the denoiser cannot be compiled here; it runs as it is, more slowly")
        sampler.predict = plain


def _convolutions(unet: DenoisingUNet) -> Iterator[tuple[Conv3x3, int]]:
    """Each with the level whose size enters it."""
    yield unet.conv_in, 0
    yield unet.conv_out, 0
    for block in [*unet.down_blocks, unet.mid_block, *unet.up_blocks]:
        for name, part in block.named_children():
            # an upsampler enlarges before it convolves
            level = block.level - 1 if name == "upsamplers" else block.level
            yield from ((module, level) for module in part.modules() if isinstance(module, Conv3x3))
