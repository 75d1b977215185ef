"""The walk over a recording: every frame, the same frames again after an interruption, and a quick end when asked."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.engines.base import Arrays, Clip, ClipProgress, GenerationJob
from emo_hallo_ray.engines.hallo2 import Hallo2Options
from emo_hallo_ray.engines.hallo2.generator import Hallo2FrameGenerator
from emo_hallo_ray.errors import TaskCancelled, UnusableModelFile
from emo_hallo_ray.tasks.model import TaskParams
from emo_hallo_ray.weights.layout import WeightsLayout
from tests.tiny_models.hallo2 import WAV2VEC_LAYERS, WAV2VEC_WIDTH, write_net, write_vae

SIDE = 64
PARAMS = TaskParams(engine="hallo2", inference_steps=2)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pretrained_models")
    write_net(WeightsLayout(root).hallo2_net)
    write_vae(WeightsLayout(root).vae_folder)
    return root


@pytest.fixture(scope="module")
def generator(root: Path) -> Hallo2FrameGenerator:
    made = Hallo2FrameGenerator(WeightsLayout(root), Hallo2Options(SIDE, device="cpu"))
    made.load()
    return made


def make_job(
    first_frame: int, n_frames: int, params: TaskParams = PARAMS, total: int = 38, side: int = SIDE
) -> GenerationJob:
    """A stretch of a fixed 38-frame video: every stretch sees the same portrait and recording."""
    random = np.random.default_rng(5)
    portrait: dict[str, np.ndarray] = {
        "pixels": random.integers(0, 256, (side, side, 3), dtype=np.uint8),
        "identity": random.standard_normal(512).astype(np.float32),
        "face_region": np.zeros((side, side), np.uint8),
    }
    portrait["face_region"][16:48, 16:48] = 255
    for level in range(4):
        for region in ("full", "face", "lip"):
            n_tokens = (side // 8 >> level) ** 2
            portrait[f"{region}_mask.{level}"] = random.random((1, n_tokens), dtype=np.float32)
    recording = random.standard_normal((48 + 4, WAV2VEC_LAYERS, WAV2VEC_WIDTH)).astype(np.float32)
    n_rows = -(-n_frames // 16) * 16 + 4
    speech = {"rows": recording[first_frame : first_frame + n_rows]}
    return GenerationJob(portrait, speech, first_frame, n_frames, total, params, should_stop=lambda: False)


def clips_of(made: Iterator[Clip | ClipProgress]) -> list[Clip]:
    return [item for item in made if isinstance(item, Clip)]


def frames_of(generator: Hallo2FrameGenerator, job: GenerationJob, resume: Arrays | None = None) -> np.ndarray:
    return np.concatenate([clip.frames for clip in clips_of(generator.generate(job, resume))])


def test_all_frames_of_the_recording_are_delivered(generator: Hallo2FrameGenerator):
    clips = clips_of(generator.generate(make_job(0, 38), None))
    assert [clip.frames.shape for clip in clips] == [(16, SIDE, SIDE, 3), (16, SIDE, SIDE, 3), (6, SIDE, SIDE, 3)]
    assert clips[0].frames.dtype == np.uint8
    assert clips[0].frames.std() > 5


def test_an_interrupted_video_goes_on_with_the_same_frames(generator: Hallo2FrameGenerator, root: Path):
    whole = frames_of(generator, make_job(0, 38))
    first = clips_of(generator.generate(make_job(0, 16), None))[-1]
    fresh = Hallo2FrameGenerator(WeightsLayout(root), Hallo2Options(SIDE, device="cpu"))
    fresh.load()
    second = clips_of(fresh.generate(make_job(16, 16), first.checkpoint))[-1]
    third = frames_of(generator, make_job(32, 6), second.checkpoint)
    assert np.array_equal(whole, np.concatenate([first.frames, second.frames, third]))


def test_clips_go_on_from_each_other(generator: Hallo2FrameGenerator):
    """The same stretch without what came before looks different."""
    first = clips_of(generator.generate(make_job(0, 16), None))[-1]
    after = frames_of(generator, make_job(16, 16), first.checkpoint)
    assert not np.array_equal(after, frames_of(generator, make_job(16, 16), None))


def test_progress_after_every_step(generator: Hallo2FrameGenerator):
    steps = [item for item in generator.generate(make_job(0, 32), None) if isinstance(item, ClipProgress)]
    assert steps == [ClipProgress(1, 2), ClipProgress(2, 2)] * 2


def test_cancelled_within_one_step(generator: Hallo2FrameGenerator):
    asked: list[bool] = []

    def should_stop() -> bool:
        asked.append(True)
        return len(asked) == 3

    made = []
    with pytest.raises(TaskCancelled):
        made.extend(generator.generate(replace(make_job(0, 38), should_stop=should_stop), None))
    assert [type(item) for item in made] == [ClipProgress, ClipProgress, Clip]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 7},
        {"guidance_scale": 1.0},
        {"guidance_scale": 6.0},
        {"inference_steps": 3},
        {"scheduler": "dpm++"},
        {"pose_weight": 0.0},
        {"face_weight": 2.0},
        {"lip_weight": 0.0},
        {"preset": "balanced", "inference_steps": 4},
        {"preset": "draft", "inference_steps": 4},
    ],
)
def test_every_parameter_matters(generator: Hallo2FrameGenerator, change: dict[str, object]):
    job = make_job(0, 16, replace(PARAMS, **change))
    frames = frames_of(generator, job)
    assert not np.array_equal(frames, frames_of(generator, make_job(0, 16)))
    assert np.array_equal(frames, frames_of(generator, job))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda layout: layout.hallo2_net.unlink(), "hallo2/net.pth is missing"),
        (lambda layout: layout.hallo2_net.write_bytes(b"PK"), "hallo2/net.pth cannot be used"),
        (lambda layout: (layout.vae_folder / "config.json").unlink(), "sd-vae-ft-mse/config.json is missing"),
        (
            lambda layout: (layout.vae_folder / "diffusion_pytorch_model.safetensors").write_bytes(b"\0" * 100),
            "sd-vae-ft-mse/ holds no usable autoencoder",
        ),
    ],
)
def test_an_unusable_file_is_named_with_the_remedy(
    spoil: Callable[[WeightsLayout], object], words: str, tmp_path: Path
):
    layout = WeightsLayout(tmp_path)
    write_net(layout.hallo2_net)
    write_vae(layout.vae_folder)
    spoil(layout)
    with pytest.raises(UnusableModelFile, match=words) as refusal:
        Hallo2FrameGenerator(layout, Hallo2Options(SIDE, device="cpu")).load()
    assert "emo-hallo models" in str(refusal.value)
    assert str(tmp_path) not in str(refusal.value)
