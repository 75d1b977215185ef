"""One guided denoising step at Stable Diffusion's widths: ours against the original's way of computing it.

Both run here, one after the other, on the same random weights and inputs: speed does not depend on their values. On a
GPU it also measures clips, seconds of computing per second of video, and memory.

    python -m benchmarks.denoiser                        # CPU: 128 px, 4 frames
    python -m benchmarks.denoiser --device cuda          # GPU: 512 px, 16 frames
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.plain_denoiser import plain_prediction
from benchmarks.report import report
from emo_hallo_ray.engines.hallo2.loading import choose_dtype
from emo_hallo_ray.hallo2 import kernels
from emo_hallo_ray.hallo2.acceleration import make_ready
from emo_hallo_ray.hallo2.config import Hallo2Config
from emo_hallo_ray.hallo2.denoising_unet import Conditions, DenoisingUNet
from emo_hallo_ray.hallo2.networks import Hallo2Networks
from emo_hallo_ray.hallo2.presets import PRESETS
from emo_hallo_ray.hallo2.sampling import ClipSampler, Subject
from emo_hallo_ray.hallo2.vae import PictureCodec

T = TypeVar("T")

N_MOTION = 2
GUIDANCE = 3.5


@dataclass(frozen=True)
class Size:
    """What is computed: frames of so many pixels a side."""

    px: int
    n_frames: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--px", type=int, help="side of a frame")
    parser.add_argument("--frames", type=int, help="in a clip")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    on_gpu = options.device == "cuda"
    size = Size(options.px or (512 if on_gpu else 128), options.frames or (16 if on_gpu else 4))
    device = torch.device(options.device)
    networks = random_networks(device, choose_dtype("auto", device))
    with torch.inference_mode():
        rows = step_rows(networks, size, options.runs)
        report("denoiser", f"One guided step, {size.n_frames} frames of {size.px}², {machine(device)}", rows)
        if on_gpu:
            report("denoiser_clips", f"Whole clips, {machine(device)}", clip_rows(networks, size))


def machine(device: torch.device) -> str:
    """What computed it."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"CPU, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"


def random_networks(device: torch.device, dtype: torch.dtype) -> Hallo2Networks:
    """Full size; the networks that the step needs are filled at once."""
    with torch.device("meta"):
        networks = Hallo2Networks(Hallo2Config())
    networks.forget_unused()
    networks.to(dtype).to_empty(device=device)
    with torch.no_grad():
        for name, tensor in networks.state_dict().items():
            tensor.uniform_(-1, 1)
            if tensor.dim() > 1:
                tensor.mul_(tensor[0].numel() ** -0.5)
            else:
                tensor.mul_(0.1).add_(1.0 if name.endswith("weight") else 0.0)
    networks.eval().requires_grad_(False)
    return networks


def random_conditions(unet: DenoisingUNet, size: Size, like: Tensor) -> Conditions:
    """Of one guided clip."""
    to = {"device": like.device, "dtype": like.dtype}
    side = size.px // 8
    bank = {}
    for path, block in unet.blocks():
        for i, attention in enumerate(getattr(block, "attentions", ())):
            n_tokens, width = (side >> block.level) ** 2, attention.norm.num_channels
            bank[f"{path}.attentions.{i}.transformer_blocks.0"] = torch.randn(2 * (1 + N_MOTION), n_tokens, width, **to)
    return Conditions(
        bank=bank,
        identity=torch.randn(2, 4, 768, **to),
        speech=torch.randn(size.n_frames, 32, 768, **to),
        face=torch.randn(1, 320, side, side, **to),
        masks=[torch.rand((side >> level) ** 2, 3, **to) for level in range(4)],
        region_weights=torch.ones(3, **to),
    )


def step_rows(networks: Hallo2Networks, size: Size, n_runs: int) -> list[dict[str, object]]:
    """The original's way, ours, and on a GPU ours compiled."""
    unet = networks.denoising_unet
    like = networks.imageproj.proj.weight
    conditions = random_conditions(unet, size, like)
    side = size.px // 8
    latents = torch.randn(2 * size.n_frames, 4, side, side, device=like.device, dtype=like.dtype)
    timestep = torch.tensor([500], device=like.device)
    work, work_plain = count_flops(size)
    peak = peak_flops(like)

    plain_s, expected = best_time(lambda: plain_prediction(unet, latents, timestep, conditions), n_runs)
    rows = [_row("the original's way", plain_s, plain_s, work_plain, peak)]

    networks.to(memory_format=torch.channels_last)
    prepare_s, constants = best_time(lambda: unet.prepare(conditions), n_runs)
    seconds, predicted = best_time(lambda: unet(latents, timestep, constants), n_runs)
    rows.append(_row("ours", seconds, plain_s, work, peak))

    if like.device.type == "cuda":
        sampler = ClipSampler(networks, PictureCodec(small_vae(like)))
        make_ready(sampler, size.px, size.n_frames, "auto")
        seconds, (predicted, _) = best_time(lambda: sampler.predict(latents, timestep, constants), n_runs)
        rows.append(_row("ours, compiled", seconds, plain_s, work, peak))
    rows.append(_row("constants of a clip, once", prepare_s, plain_s, None, peak))
    deviation = float((predicted - expected).float().abs().max() / expected.float().abs().max())
    print(f"largest difference between the ways: {deviation:.1e} of the largest value")
    return rows


def _row(what: str, seconds: float, plain_s: float, flops: int | None, peak: float) -> dict[str, object]:
    return {
        "what": what,
        "seconds": seconds,
        "times as fast": plain_s / seconds,
        "TFLOP": flops / 1e12 if flops else "",
        "% of peak": 100 * flops / seconds / peak if flops else "",
    }


def clip_rows(networks: Hallo2Networks, size: Size) -> list[dict[str, object]]:
    """Whole clips with each preset, autoencoder included, and the memory that they take."""
    like = networks.imageproj.proj.weight
    sampler = ClipSampler(networks, PictureCodec(full_vae(like), batch=8))
    make_ready(sampler, size.px, size.n_frames, "auto")
    side = size.px // 8
    subject = Subject(
        identity=torch.randn(512),
        face_region=torch.ones(size.px, size.px),
        masks=[torch.rand((side >> level) ** 2, 3) for level in range(4)],
        region_weights=torch.ones(3),
    )
    pictures = torch.rand(1 + N_MOTION, 3, size.px, size.px) * 2 - 1
    windows = torch.randn(size.n_frames, 5, 12, 768)

    def make_clip(name: str) -> Tensor:
        preset = PRESETS[name]
        constants = sampler.condition(subject, pictures, sampler.hear(windows), is_guided=True)
        noise = torch.randn(size.n_frames, 4, side, side, device=like.device)
        *_, last = sampler.denoise(constants, noise, preset.default_steps, GUIDANCE, preset)
        return sampler.codec.decode(last.latents).cpu()

    rows = []
    for name in PRESETS:
        torch.cuda.reset_peak_memory_stats()
        seconds, _ = best_time(lambda name=name: make_clip(name), 2)  # type: ignore[misc]
        rows.append(
            {
                "preset": name,
                "seconds a clip": seconds,
                "seconds a second of video": seconds / size.n_frames * 25,
                "peak memory, GB": torch.cuda.max_memory_allocated() / 1e9,
            }
        )
    return rows


def count_flops(size: Size, is_guided: bool = True, renews: bool = True) -> tuple[int, int]:
    """Of one step, ours and the original's, counted on tensors without content.

    Args:
        is_guided, renews: what of it ours computes, see `Preset`.
    """
    with torch.device("meta"):
        unet = DenoisingUNet(Hallo2Config().unet)
        like = torch.empty(0)
        conditions = random_conditions(unet, size, like)
        side = size.px // 8
        latents, timestep = torch.empty(2 * size.n_frames, 4, side, side), torch.empty(1)
        constants = unet.prepare(conditions)
        inside = None if renews else unet.predict(latents, timestep, constants)[1]
        used, rows = (constants, latents) if is_guided else (constants.conditional(), latents[: size.n_frames])
        with FlopCounterMode(display=False) as ours:
            unet.predict(rows, timestep, used, None if inside is None else inside[: len(rows)])
        with FlopCounterMode(display=False) as plain:
            plain_prediction(unet, latents, timestep, conditions)
    return ours.get_total_flops(), plain.get_total_flops()


def peak_flops(like: Tensor) -> float:
    """What a large matrix product reaches on this machine, now."""
    n = 2048 if like.device.type == "cpu" else 8192
    a, b = (torch.randn(n, n, device=like.device, dtype=like.dtype) for _ in range(2))
    seconds, _ = best_time(lambda: kernels.linear(a, b), 5)
    return 2 * n**3 / seconds


def best_time(run: Callable[[], T], n_runs: int) -> tuple[float, T]:
    """The least of some runs: what disturbs a run only ever makes it longer."""
    seconds = []
    result = run()
    for _ in range(n_runs):
        _synchronise()
        started = time.perf_counter()
        result = run()
        _synchronise()
        seconds.append(time.perf_counter() - started)
    return min(seconds), result


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def full_vae(like: Tensor) -> AutoencoderKL:
    """The released autoencoder's size, random."""
    blocks = (128, 256, 512, 512)
    return _vae(blocks, layers_per_block=2, norm_num_groups=32).to(like.device, like.dtype)


def small_vae(like: Tensor) -> AutoencoderKL:
    """Where the autoencoder is not what is measured."""
    return _vae((8, 8, 8, 8), layers_per_block=1, norm_num_groups=4).to(like.device, like.dtype)


def _vae(blocks: tuple[int, ...], **settings: int) -> AutoencoderKL:
    vae = AutoencoderKL(
        block_out_channels=blocks,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        **settings,
    )
    return vae.eval().requires_grad_(False)


if __name__ == "__main__":
    main()
