"""A clip's steps with less memory than they want: the same latents."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from emo_hallo_ray.hallo2.presets import BALANCED, DRAFT, QUALITY, Preset
from emo_hallo_ray.hallo2.sampling import ClipSampler, Subject
from emo_hallo_ray.hallo2.vae import PictureCodec
from tests.scarce_memory import Scarce
from tests.tiny_models.hallo2 import TINY, make_networks
from tests.unit.hallo2 import golden
from tests.unit.hallo2.golden import deviation

N_FRAMES, N_STEPS = 2, 4
SIDE = 128  # at 64 the tiny networks end in maps of one pixel, where a group norm makes rounding large
ROUNDING = 5e-5


@pytest.fixture(autouse=True)
def inference_mode() -> Iterator[None]:
    with torch.inference_mode():
        yield


def make_sampler() -> ClipSampler:
    return ClipSampler(make_networks(), PictureCodec(golden.vae()))


def make_latents(sampler: ClipSampler, preset: Preset = QUALITY, guidance_scale: float = 3.5) -> Tensor:
    """The same clip each time."""
    random = torch.Generator().manual_seed(1)
    levels = range(len(TINY.unet.widths))
    subject = Subject(
        identity=torch.randn(TINY.identity_input, generator=random),
        face_region=torch.rand(SIDE, SIDE, generator=random),
        masks=[torch.rand((SIDE // 8 >> level) ** 2, 3, generator=random) for level in levels],
        region_weights=torch.ones(3),
    )
    pictures = torch.rand(3, 3, SIDE, SIDE, generator=random) * 2 - 1
    speech = torch.randn(N_FRAMES, TINY.audio_tokens, TINY.unet.audio_width, generator=random)
    noise = torch.randn(N_FRAMES, 4, SIDE // 8, SIDE // 8, generator=random)
    constants = sampler.condition(subject, pictures, speech, is_guided=guidance_scale > 1)
    return [*sampler.denoise(constants, noise, N_STEPS, guidance_scale, preset)][-1].latents


@pytest.mark.parametrize("preset", [QUALITY, BALANCED, DRAFT], ids=lambda preset: preset.name)
def test_halves_that_do_not_fit_together_run_one_after_the_other(preset: Preset) -> None:
    undisturbed, sampler = make_latents(make_sampler(), preset), make_sampler()
    sampler.predict = memory = Scarce(sampler.predict, fits=N_FRAMES)

    assert deviation(make_latents(sampler, preset), undisturbed) < ROUNDING
    assert memory.asked.count(2 * N_FRAMES) == 1
    assert sampler.halves.size == 1


def test_one_half_that_does_not_fit_is_torchs_error() -> None:
    sampler = make_sampler()
    sampler.predict = Scarce(sampler.predict, fits=N_FRAMES - 1)

    with pytest.raises(torch.OutOfMemoryError):
        make_latents(sampler, guidance_scale=1.0)


@pytest.mark.parametrize("guidance_scale", [3.5, 1.0], ids=["guided", "unguided"])
def test_the_reference_network_reads_as_many_pictures_as_fit(guidance_scale: float) -> None:
    undisturbed, sampler = make_latents(make_sampler(), guidance_scale=guidance_scale), make_sampler()
    network = sampler.networks.reference_unet
    network.forward = memory = Scarce(network.forward, fits=1)

    assert deviation(make_latents(sampler, guidance_scale=guidance_scale), undisturbed) < ROUNDING
    assert sum(size for size in memory.asked if size == 1) == (6 if guidance_scale > 1 else 3)
    assert sampler.references.size == 1
