"""Nothing is tuned to the recorded sizes: networks of others agree with a second, plain way of computing them."""

import pytest
import torch

from benchmarks.plain_denoiser import plain_prediction
from emo_hallo_ray.hallo2.config import Hallo2Config, UNetConfig
from emo_hallo_ray.hallo2.denoising_unet import Conditions
from emo_hallo_ray.hallo2.networks import Hallo2Networks
from tests.tiny_models.hallo2 import make_networks
from tests.unit.hallo2 import golden
from tests.unit.hallo2.golden import deviation

SIZES = {
    "two levels": UNetConfig((32, 64), layers_per_block=2, heads=4, identity_width=24, audio_width=40),
    "three layers, 16 groups": UNetConfig((64, 32, 96), layers_per_block=3, heads=2, groups=16),
    "five levels": UNetConfig((32, 64, 64, 32, 64), 1, identity_width=8, audio_width=8, groups=8),
    "released depth": UNetConfig((32, 64, 128, 128), identity_width=16, audio_width=16),
}


def make_conditions(
    networks: Hallo2Networks, side: tuple[int, int], n_frames: int, n_motion: int, n_halves: int
) -> Conditions:
    """Random conditions, the bank from the reference network itself."""
    config = networks.config
    unet = config.unet
    identity = torch.randn(n_halves, config.identity_tokens, unet.identity_width)
    n_rows = n_halves * (1 + n_motion)
    pictures = torch.randn(n_rows, unet.latent_channels, *side)
    bank = networks.reference_unet(pictures, identity.repeat(-(-n_rows // n_halves), 1, 1)[:n_rows])[1]
    n_levels = len(unet.widths)
    n_tokens = [-(-side[0] // 2**level) * -(-side[1] // 2**level) for level in range(n_levels)]
    return Conditions(
        bank=bank,
        identity=identity,
        speech=torch.randn(n_frames, config.audio_tokens, unet.audio_width),
        face=torch.randn(1, unet.widths[0], *side),
        masks=[torch.rand(n, 3) for n in n_tokens],
        region_weights=torch.tensor([0.5, 1.5, 0.9]),
    )


@pytest.mark.parametrize("unet", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize(
    ("side", "n_frames", "n_motion", "n_halves"),
    [((16, 16), 4, 2, 2), ((16, 16), 3, 1, 2), ((16, 24), 5, 0, 2), ((24, 16), 2, 4, 1), ((12, 20), 1, 3, 2)],
)
def test_any_size(unet: UNetConfig, side: tuple[int, int], n_frames: int, n_motion: int, n_halves: int):
    torch.manual_seed(3)
    networks = make_networks(Hallo2Config(unet, audio_input=60, audio_hidden=8, audio_tokens=6, locator_widths=(4, 8)))
    with torch.inference_mode():
        conditions = make_conditions(networks, side, n_frames, n_motion, n_halves)
        latents = torch.randn(n_halves * n_frames, unet.latent_channels, *side)
        denoiser, timestep = networks.denoising_unet, torch.tensor([613])
        fast = denoiser(latents, timestep, denoiser.prepare(conditions))
        assert deviation(fast, plain_prediction(denoiser, latents, timestep, conditions)) < 2e-5


@pytest.mark.parametrize("unet", SIZES.values(), ids=SIZES.keys())
def test_halves_apart_are_halves_together(unet: UNetConfig):
    torch.manual_seed(3)
    networks = make_networks(Hallo2Config(unet, audio_input=60, audio_hidden=8, audio_tokens=6, locator_widths=(4, 8)))
    with torch.inference_mode():
        denoiser, timestep = networks.denoising_unet, torch.tensor([613])
        constants = denoiser.prepare(make_conditions(networks, (16, 24), 4, 2, n_halves=2))
        latents = torch.randn(8, unet.latent_channels, 16, 24)
        together = denoiser(latents, timestep, constants)
        unconditional = denoiser(latents[:4], timestep, constants.of(slice(0, 1)))
        conditional = denoiser(latents[4:], timestep, constants.of(slice(1, 2)))
        assert deviation(torch.cat([unconditional, conditional]), together) < 2e-5


def test_the_plain_way_is_the_originals():
    """A second opinion counts only if it is right where the original's numbers are known."""
    from tests.unit.hallo2.test_parity import recorded_conditions

    inputs = golden.inputs("denoising_unet")
    with torch.inference_mode():
        rows = inputs["sample"].float().transpose(1, 2).flatten(0, 1)
        conditions = recorded_conditions(n_halves=2, region_weights=[0.7, 1.1, 1.3])
        predicted = plain_prediction(golden.networks().denoising_unet, rows, torch.tensor([437]), conditions)
    result = predicted.unflatten(0, (2, -1)).transpose(1, 2)
    assert deviation(result, golden.outputs("denoising_unet")["sample_cfg"]) < 2e-5
