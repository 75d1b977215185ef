import numpy as np
import pytest

from emo_hallo_ray.engines.base import N_CLIP_FRAMES, GenerationJob
from emo_hallo_ray.engines.preview.generator import PreviewFrameGenerator
from emo_hallo_ray.engines.preview.portrait import Portrait
from emo_hallo_ray.errors import TaskCancelled
from emo_hallo_ray.tasks.model import TaskParams


def job(portrait: Portrait, mouth: np.ndarray, first: int, n: int, **changes: object) -> GenerationJob:
    given: dict[str, object] = {
        "portrait": portrait.to_arrays(),
        "speech": {"mouth": mouth[first : first + n]},
        "first_frame": first,
        "n_frames": n,
        "n_frames_total": len(mouth),
        "params": TaskParams(),
        "should_stop": lambda: False,
    }
    return GenerationJob(**(given | changes))  # type: ignore[arg-type]


def frames(generator: PreviewFrameGenerator, work: GenerationJob) -> np.ndarray:
    return np.concatenate([clip.frames for clip in generator.generate(work, None)])


@pytest.fixture(scope="module")
def generator() -> PreviewFrameGenerator:
    made = PreviewFrameGenerator()
    made.load()
    return made


@pytest.fixture(scope="module")
def start(generator: PreviewFrameGenerator, portrait: Portrait, mouth: np.ndarray) -> np.ndarray:
    """The first 160 frames."""
    return frames(generator, job(portrait, mouth, 0, 160))


def test_video_made_in_two_stretches_equals_one_made_at_once(
    portrait: Portrait, mouth: np.ndarray, start: np.ndarray
) -> None:
    parts = [frames(PreviewFrameGenerator(), job(portrait, mouth, first, 80)) for first in (0, 80)]

    assert np.array_equal(np.concatenate(parts), start)


def test_clips_are_sixteen_frames_and_the_last_what_remains(
    generator: PreviewFrameGenerator, portrait: Portrait, mouth: np.ndarray
) -> None:
    clips = list(generator.generate(job(portrait, mouth, 16, 37), None))

    assert [len(clip.frames) for clip in clips] == [16, 16, 5]
    assert all(clip.frames.shape[1:] == (512, 512, 3) and clip.frames.dtype == np.uint8 for clip in clips)
    assert all(clip.checkpoint == {} for clip in clips)


def test_first_frame_is_the_portrait_and_others_are_not(start: np.ndarray) -> None:
    mouth_moves = np.abs(start[1:, 280:340, 190:320].astype(int) - start[0, 280:340, 190:320]).mean(axis=(1, 2, 3))

    assert np.median(mouth_moves) > 5


def test_task_that_was_cancelled_stops_within_a_frame(
    generator: PreviewFrameGenerator, portrait: Portrait, mouth: np.ndarray
) -> None:
    answers = iter([False] * (N_CLIP_FRAMES + 3) + [True])
    work = job(portrait, mouth, 0, 64, should_stop=lambda: next(answers))
    clips = generator.generate(work, None)

    assert len(next(clips).frames) == N_CLIP_FRAMES
    with pytest.raises(TaskCancelled):
        next(clips)


def test_other_seed_makes_another_video_of_the_same_speech(
    generator: PreviewFrameGenerator, portrait: Portrait, mouth: np.ndarray, start: np.ndarray
) -> None:
    other = frames(generator, job(portrait, mouth, 0, 48, params=TaskParams(seed=43)))

    assert not np.array_equal(other, start[:48])


def test_portrait_in_use_is_not_prepared_again(
    generator: PreviewFrameGenerator, portrait: Portrait, mouth: np.ndarray
) -> None:
    copy = Portrait(portrait.image.copy(), portrait.points.copy(), portrait.enlargement)

    assert generator._renderer(copy.to_arrays()) is generator._renderer(portrait.to_arrays())


def test_generator_forgets_portraits_that_are_not_in_use(portrait: Portrait) -> None:
    generator = PreviewFrameGenerator()
    others = [Portrait(portrait.image, portrait.points + np.float32(shift), 1.0) for shift in range(6)]

    renderers = [generator._renderer(other.to_arrays()) for other in others]

    assert generator._renderer(others[-1].to_arrays()) is renderers[-1]
    assert generator._renderer(others[0].to_arrays()) is not renderers[0]
