"""Make networks ready before the first clip: what depends on the size of the frames, and what a first run pays."""

import logging
import os

import torch

from emo_hallo_ray.hallo2.sampling import ClipSampler, Subject

logger = logging.getLogger("ray.serve")


def use_all_cores() -> None:
    """Let torch compute on every core.

    Ray allows a process that reserves less than a whole CPU one thread only; what else the
    service does meanwhile is little.
    """
    torch.set_num_threads(os.cpu_count() or 1)


def make_ready(sampler: ClipSampler, frame_px: int, n_frames: int, compiling: str) -> None:
    """Prepare for guided clips of this size; others work too, at first more slowly.

    Args:
        compiling: "on", "off", or "auto", which compiles for GPUs.
    """
    device = sampler.networks.denoising_unet.conv_in.bias.device
    if compiling == "on" or (compiling == "auto" and device.type == "cuda"):
        _compile(sampler, frame_px, n_frames)
    elif device.type == "cuda":
        run_once(sampler, frame_px, n_frames)


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
    except torch.OutOfMemoryError:  # it would not fit uncompiled either
        raise
    except Exception:  # compilers fail in many ways; the networks run without
        logger.exception("the denoiser cannot be compiled here; it runs as it is, more slowly")
        sampler.predict = plain
