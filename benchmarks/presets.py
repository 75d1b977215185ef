"""What the quicker presets cost: distance to `quality` from the same seed, and how much sooner they end.

Measured on the recorded case's networks, whose weights are random: how the presets look on the released weights is
another question, which these figures do not answer.
"""

import time
from collections.abc import Callable
from math import log10

import torch
from torch import Tensor

from benchmarks.denoiser import Size, count_flops
from benchmarks.report import report
from emo_hallo_ray.hallo2.presets import PRESETS, Preset
from emo_hallo_ray.hallo2.sampling import Subject
from tests.unit.hallo2 import golden

GUIDANCE = 3.5
N_RUNS = 3


def main() -> None:
    with torch.inference_mode():
        measure()


def measure() -> None:
    sampler = golden.sampler()
    inputs = golden.inputs("clip")
    pictures = enlarge(inputs["ref_image_u8_half"]) / 255 * 2 - 1
    subject = Subject(
        identity=inputs["face_emb"][0],
        face_region=enlarge(inputs["face_region_u8_half"]) / 255,
        masks=golden.recorded_masks(inputs),
        region_weights=torch.tensor(golden.config("clip")["motion_scale"]),
    )
    constants = sampler.condition(subject, pictures, inputs["audio_tensor"][0], is_guided=True)
    noise = inputs["initial_latents"][0].transpose(0, 1)

    def make(preset: Preset) -> Tensor:
        *_, last = sampler.denoise(constants, noise, preset.default_steps, GUIDANCE, preset)
        return sampler.codec.decode(last.latents)

    exact = make(PRESETS["quality"])
    rows = []
    for preset in PRESETS.values():
        video = make(preset)
        rows.append(
            {
                "preset": preset.name,
                "steps": preset.default_steps,
                "seconds": best_seconds(lambda preset=preset: make(preset)),  # type: ignore[misc]
                "share of the work at SD 1.5 widths, 512²": share_of_work(preset),
                "PSNR, dB": [round(psnr(a, b), 1) for a, b in zip(video, exact, strict=True)],
                "SSIM": [round(ssim(a, b), 3) for a, b in zip(video, exact, strict=True)],
            }
        )
    report("presets", "Presets against quality, recorded case (random weights), each of its 4 frames", rows)


def enlarge(picture: Tensor) -> Tensor:
    """Each pixel twice in both directions, as the case's README says."""
    return picture.repeat_interleave(2, -1).repeat_interleave(2, -2)


def share_of_work(preset: Preset) -> float:
    """Operations of a clip's steps over those of `quality`.

    A step without guidance computes one half, a step that reuses the inside computes the finest level alone.
    """
    size = Size(512, 16)
    costs = step_costs(size)
    n = preset.default_steps
    work = sum(costs[preset.guides(i, n), preset.renews(i)] for i in range(n))
    return work / (PRESETS["quality"].default_steps * costs[True, True])


def step_costs(size: Size) -> dict[tuple[bool, bool], float]:
    """By whether the step is guided, and whether it computes the inside."""
    return {
        (is_guided, renews): float(count_flops(size, is_guided, renews)[0])
        for is_guided in (True, False)
        for renews in (True, False)
    }


def best_seconds(run: Callable[[], object]) -> float:
    seconds = []
    for _ in range(N_RUNS):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def psnr(a: Tensor, b: Tensor) -> float:
    """Peak signal-to-noise ratio of values in 0…1."""
    error = float(((a - b) ** 2).mean())
    return float("inf") if error == 0 else -10 * log10(error)


def ssim(a: Tensor, b: Tensor, window: int = 11, sigma: float = 1.5) -> float:
    """Structural similarity (Wang et al. 2004) of two pictures (3, H, W) in 0…1, over Gaussian windows."""
    position = torch.arange(window) - window // 2
    line = torch.exp(-(position**2) / (2 * sigma**2))
    kernel = (line[:, None] * line / line.sum() ** 2).expand(3, 1, -1, -1)

    def blur(x: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(x[None], kernel, groups=3)[0]

    mean_a, mean_b = blur(a), blur(b)
    variance_a, variance_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    similar = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float((similar / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))).mean())


if __name__ == "__main__":
    main()
