"""Generation when memory runs out: the same video in smaller batches, or a clear error and a stage that goes on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from emo_hallo_ray.engines.hallo2 import Hallo2Options
from emo_hallo_ray.engines.hallo2 import generator as generator_module
from emo_hallo_ray.engines.hallo2.generator import Hallo2FrameGenerator
from emo_hallo_ray.engines.registry import EngineCatalog
from emo_hallo_ray.errors import OutOfMemory
from emo_hallo_ray.hallo2.sampling import ClipSampler
from emo_hallo_ray.pipeline import Segment, segment_name
from emo_hallo_ray.stages.generation import Generation
from emo_hallo_ray.storage import Storage, load_arrays, save_arrays
from emo_hallo_ray.tasks.model import Task, TaskStatus
from emo_hallo_ray.weights.layout import WeightsLayout
from tests.scarce_memory import Scarce
from tests.tiny_models.hallo2 import write_net, write_vae
from tests.unit.engines.hallo2.test_generator import PARAMS, make_job

TASK = Task("11111111-1111-4111-8111-111111111111", TaskStatus.PROCESSING, 0, "", PARAMS, "asked for", 0.0, 0.0)
N_FRAMES = 20  # two clips
SEGMENT = Segment(0, 0, N_FRAMES, N_FRAMES)
SIDE = 128  # at 64 the tiny networks end in maps of one pixel, where a group norm makes rounding large
JOB = make_job(0, N_FRAMES, side=SIDE)


@dataclass(frozen=True)
class Made:
    """A segment's frames, and the state of the random stream behind it."""

    frames: np.ndarray
    random: np.ndarray

    def is_made_again_by(self, stage: Generation) -> bool:
        """But for rounding."""
        again = generate(stage)
        difference = np.abs(again.frames.astype(int) - self.frames)
        return difference.max() <= 1 and np.array_equal(again.random, self.random)


def generate(stage: Generation) -> Made:
    made = stage.generate(TASK, SEGMENT, JOB.speech, lambda: False)
    frames = np.concatenate([item for item in made if isinstance(item, np.ndarray)])
    checkpoint = stage.storage.task(TASK.task_id).checkpoint(segment_name(SEGMENT.index, TASK.fence))
    return Made(frames, load_arrays(checkpoint)["random"])


@pytest.fixture(scope="module")
def new_stage(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Generation]:
    root = tmp_path_factory.mktemp("pretrained_models")
    write_net(WeightsLayout(root).hallo2_net)
    write_vae(WeightsLayout(root).vae_folder)
    catalog = EngineCatalog(weights_root=root, hallo2=Hallo2Options(SIDE, device="cpu"))

    def make() -> Generation:
        stage = Generation(Storage(tmp_path_factory.mktemp("storage")), catalog)
        files = stage.storage.task(TASK.task_id)
        files.make_folders()
        save_arrays(files.portrait, JOB.portrait)
        return stage

    return make


@pytest.fixture(scope="module")
def undisturbed(new_stage: Callable[[], Generation]) -> Made:
    return generate(new_stage())


@pytest.fixture
def stage(new_stage: Callable[[], Generation]) -> Generation:
    return new_stage()


@pytest.fixture
def sampler(stage: Generation) -> ClipSampler:
    """The stage's, loaded."""
    generator = stage._generator("hallo2")
    assert isinstance(generator, Hallo2FrameGenerator)
    return generator._sampler


def test_less_memory_makes_the_same_video_of_the_same_seed(
    stage: Generation, sampler: ClipSampler, undisturbed: Made
) -> None:
    sampler.predict = Scarce(sampler.predict, fits=16)
    sampler.codec.vae.decode = Scarce(sampler.codec.vae.decode, fits=1)

    assert undisturbed.is_made_again_by(stage)
    assert (sampler.halves.size, sampler.codec.batches.size) == (1, 1)


@pytest.mark.parametrize("work", ["denoising", "decoding"])
def test_too_little_memory_is_an_error_of_its_own_and_the_next_call_works(
    stage: Generation, sampler: ClipSampler, undisturbed: Made, work: str
) -> None:
    if work == "denoising":
        sampler.predict = memory = Scarce(sampler.predict, fits=15)
    else:
        sampler.codec.vae.decode = memory = Scarce(sampler.codec.vae.decode, fits=0)

    with pytest.raises(OutOfMemory, match="even with the smallest batches") as failure:
        generate(stage)
    assert failure.value.code == "OUT_OF_MEMORY"
    assert "video.frame_px" in str(failure.value)

    memory.fits = 32
    assert undisturbed.is_made_again_by(stage)


def test_too_little_memory_for_the_networks_is_the_same_error(
    stage: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator_module, "load_sampler", Scarce(generator_module.load_sampler, 0, lambda layout: 1))

    with pytest.raises(OutOfMemory):
        generate(stage)

    assert stage.loaded_engines == []
