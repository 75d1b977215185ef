"""Number for number what the original computes: its recorded runs, within the tolerances that come with them."""

import numpy as np
import pytest
import torch
from torch import Tensor

from emo_hallo_ray.hallo2.denoising_unet import Conditions
from emo_hallo_ray.hallo2.face_locator import FaceLocator
from emo_hallo_ray.hallo2.projections import AudioProjection, ImageProjection
from emo_hallo_ray.hallo2.sampling import Subject
from emo_hallo_ray.hallo2.schedule import Schedule
from emo_hallo_ray.hallo2.vae import SCALE, PictureCodec
from emo_hallo_ray.hallo2.walk import Walk, WalkOptions
from tests.unit.hallo2 import golden
from tests.unit.hallo2.golden import deviation, recorded_masks

pytestmark = pytest.mark.usefixtures("inference_mode")


@pytest.fixture
def inference_mode():
    with torch.inference_mode():
        yield


def test_image_projection():
    projection = ImageProjection(512, 4, 16)
    projection.load_state_dict(golden.weights("image_proj"))
    assert deviation(projection(golden.inputs("image_proj")["x"]), golden.outputs("image_proj")["y"]) < 5e-6


def test_audio_projection():
    inputs, expected = golden.inputs("audio_proj")["x"], golden.outputs("audio_proj")["y"]
    projection = AudioProjection(5 * 3 * 32, 24, 4, 16)
    projection.load_state_dict(golden.weights("audio_proj"))
    for windows, result in zip(inputs, expected, strict=True):
        assert deviation(projection(windows), result) < 5e-6


def test_face_locator():
    config = golden.config("face_locator")
    locator = FaceLocator(config["block_out_channels"], config["conditioning_embedding_channels"])
    locator.load_state_dict(golden.weights("face_locator"))
    frames = golden.inputs("face_locator")["x"].transpose(1, 2)
    expected = golden.outputs("face_locator")["y"].transpose(1, 2)
    assert deviation(locator(frames.flatten(0, 1)), expected.flatten(0, 1)) < 5e-6


def test_scheduler():
    inputs, expected = golden.inputs("scheduler"), golden.outputs("scheduler")
    for n in (1, 4, 5, 10, 25, 40):
        assert Schedule(n).timesteps == expected[f"timesteps_{n}"].tolist()
    alphas = Schedule(4)._scheduler.alphas_cumprod
    assert deviation(alphas, expected["alphas_cumprod"]) < 5e-6
    assert float(alphas[-1]) == 0.0
    schedule, latents = Schedule(4), inputs["latents"]
    for i, timestep in enumerate(schedule.timesteps):
        latents = schedule.step(inputs[f"model_output_{i}"], timestep, latents)
        assert deviation(latents, expected[f"step_{i}"]) < 5e-6


@pytest.mark.parametrize("batch", [1, 4])
def test_vae(batch: int):
    inputs, expected = golden.inputs("vae"), golden.outputs("vae")
    codec = PictureCodec(golden.vae(), batch)
    assert deviation(codec.encode(inputs["image"]), expected["encode_mean"] * SCALE) < 2e-5
    decoded = (expected["decoded"] / 2 + 0.5).clamp(0, 1)
    assert deviation(codec.decode(inputs["latents"] * SCALE), decoded) < 2e-5


def test_reference_unet():
    inputs, expected = golden.inputs("reference_unet"), golden.outputs("reference_unet")
    identity = inputs["encoder_hidden_states"].repeat(3, 1, 1)
    sample, bank = golden.networks().reference_unet(inputs["latents"].repeat(2, 1, 1, 1), identity)
    assert deviation(sample[..., ::2, ::2], expected["sample"]) < 2e-5
    assert {f"bank.{path}" for path in bank} == {name for name in expected if name.startswith("bank.")}
    for path, written in bank.items():
        assert deviation(written[:, ::2], expected[f"bank.{path}"]) < 2e-5, path


@pytest.mark.parametrize(
    ("run", "n_halves", "region_weights"),
    [
        ("sample_cfg", 2, [0.7, 1.1, 1.3]),
        ("sample_cfg_no_motion_scale", 2, [1.0, 1.0, 1.0]),
        ("sample_nocfg", 1, [0.7, 1.1, 1.3]),
    ],
)
def test_denoising_unet(run: str, n_halves: int, region_weights: list[float]):
    inputs, expected = golden.inputs("denoising_unet"), golden.outputs("denoising_unet")
    unet = golden.networks().denoising_unet
    constants = unet.prepare(recorded_conditions(n_halves, region_weights))
    rows = inputs["sample"][-n_halves:].float().transpose(1, 2).flatten(0, 1)
    predicted = unet(rows, torch.tensor([golden.config("denoising_unet")["timestep"]]), constants)
    result = predicted.unflatten(0, (n_halves, -1)).transpose(1, 2)
    assert deviation(result, expected[run]) < 2e-5
    if n_halves == 2:
        assert deviation(result, expected["negative_control_eval_branch"]) > 0.1


def test_clip():
    config, inputs, expected = golden.config("clip"), golden.inputs("clip"), golden.outputs("clip")
    sampler = golden.sampler()
    pictures = inputs["ref_image_u8_half"].repeat_interleave(2, -1).repeat_interleave(2, -2) / 255 * 2 - 1
    region = inputs["face_region_u8_half"].repeat_interleave(2, -1).repeat_interleave(2, -2) / 255
    assert deviation(sampler.codec.encode(pictures), expected["ref_latents"]) < 2e-5
    located = sampler.networks.face_locator(region.expand(1, 3, -1, -1))
    assert deviation(located[..., ::2, ::2], expected["face_locator_out_frame0"]) < 5e-6

    subject = Subject(inputs["face_emb"][0], region, recorded_masks(inputs), torch.tensor(config["motion_scale"]))
    constants = sampler.condition(subject, pictures, inputs["audio_tensor"][0], is_guided=True)
    noise = inputs["initial_latents"][0].transpose(0, 1)
    steps = list(sampler.denoise(constants, noise, config["num_inference_steps"], config["guidance_scale"]))
    assert len(steps) == 4
    for i, step in enumerate(steps):
        assert deviation(_as_recorded(step.latents), expected[f"latents.{i}"]) < 5e-5
    video = sampler.codec.decode(steps[-1].latents)
    assert float((_as_recorded(video)[..., ::4, ::4] - expected["video_s4"]).abs().max()) < 1e-4
    last = (video[-1] * 255).to(torch.uint8).int()
    assert int((last - expected["video_last_u8"].int()).abs().max()) <= 1


def recorded_conditions(n_halves: int, region_weights: list[float]) -> Conditions:
    """Of the denoiser's case: both halves, or the conditional one alone."""
    inputs = golden.inputs("denoising_unet")
    banks = {name.removeprefix("bank."): rows.float() for name, rows in inputs.items() if name.startswith("bank.")}
    return Conditions(
        bank={path: rows[-3 * n_halves :] for path, rows in banks.items()},
        identity=inputs["encoder_hidden_states"][-n_halves:],
        speech=inputs["audio_embedding"][1],
        face=inputs["mask_cond_fea_cond"][0].float().transpose(0, 1),
        masks=recorded_masks(inputs),
        region_weights=torch.tensor(region_weights),
    )


def _as_recorded(frames: Tensor) -> Tensor:
    """(F, C, H, W) → (1, C, F, H, W)."""
    return frames.transpose(0, 1)[None]


def test_long_video():
    config, inputs, expected = golden.config("long"), golden.inputs("long"), golden.outputs("long")
    source = inputs["source_pixels_u8"] / 255 * 2 - 1
    subject = Subject(
        inputs["face_emb"], inputs["face_region_u8"] / 255, recorded_masks(inputs), torch.tensor(config["motion_scale"])
    )
    options = WalkOptions(config["seed"], config["inference_steps"], config["cfg_scale"], dropout=config["mask_rate"])
    rows = inputs["audio_emb"]
    around = (torch.arange(len(rows))[:, None] + torch.arange(-2, 3)).clamp(0, len(rows) - 1)
    windows = rows[around]

    state, written = None, []
    for clip in range(config["clips"]):
        # a new walk for each clip: the state is all that passes from one to the next
        walk = Walk(golden.sampler(), subject, source, options, state)
        *_, last = walk.denoise(windows[4 * clip : 4 * clip + 4])
        tail = walk.finish(last.latents)
        video = torch.cat([walk.decode_rest(last.latents), tail])
        state = walk.state
        latent_tolerance, video_tolerance = [(5e-5, 1e-4), (3e-4, 3e-4), (1e-3, 1e-3)][clip]
        assert deviation(_as_recorded(last.latents), expected[f"final_latents.{clip}"]) < latent_tolerance
        difference = _as_recorded(video)[..., ::8, ::8] - expected[f"video_s8.{clip}"]
        assert float(difference.abs().max()) < video_tolerance
        written.append(video)

    frames = (torch.cat(written)[: config["written_frames"]] * 255).to(torch.uint8).permute(0, 2, 3, 1)
    difference = frames[:, ::8, ::8].int() - expected["written_u8_s8"].int()
    assert int(difference.abs().max()) <= 1


def test_random_stream():
    """Per clip first the dropout's field, then the noise, from one generator."""
    expected, region = golden.inputs("long"), golden.inputs("long")["face_region_u8"] / 255
    random = torch.Generator("cpu").manual_seed(42)
    for clip in range(3):
        field = torch.rand(region.shape, generator=random)
        packed = torch.from_numpy(np.packbits((field > 0.25).numpy()))
        assert torch.equal(packed, expected[f"random_keep_packed.{clip}"])
        noise = torch.randn((1, 4, 4, 16, 16), generator=random)
        assert torch.equal(noise, expected[f"initial_latents.{clip}"])
