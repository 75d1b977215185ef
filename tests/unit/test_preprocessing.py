"""The preprocessing stage over the real preview engine: conditioning, cache, and warnings that outlive it."""

import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from emo_hallo_ray.cache import PreprocessingCache
from emo_hallo_ray.engines.registry import EngineCatalog
from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.stages.preprocessing import Preprocessing
from emo_hallo_ray.storage import Storage, load_arrays
from emo_hallo_ray.tasks.model import Task, TaskParams, TaskStatus

PORTRAIT = Path(__file__).parents[2] / "samples" / "portrait.jpg"


def stage(root: Path, frame_px: int = 512) -> Preprocessing:
    storage = Storage(root)
    return Preprocessing(storage, PreprocessingCache(storage.cache, 10**8), MediaLimits(), EngineCatalog(), frame_px)


def task_with(stage: Preprocessing, picture: Image.Image) -> Task:
    task_id = str(uuid.uuid4())
    files = stage.storage.task(task_id)
    files.make_folders()
    picture.save(files.image, format="PNG")
    return Task(
        task_id=task_id,
        status=TaskStatus.PROCESSING,
        progress=0,
        status_message="",
        params=TaskParams(engine="preview"),
        engine_reason="",
        created_at=0.0,
        updated_at=0.0,
    )


@pytest.fixture(scope="module")
def small_face() -> Image.Image:
    """The face is about 65 pixels wide."""
    return Image.open(PORTRAIT).resize((350, 350))


def test_cached_portrait_warns_as_a_new_one_does(tmp_path: Path, small_face: Image.Image) -> None:
    preprocessing = stage(tmp_path)

    first, second = (preprocessing.prepare_portrait(task_with(preprocessing, small_face)) for _ in range(2))

    assert "(miss)" in first.remarks[0]
    assert "(hit)" in second.remarks[0]
    assert first.warnings == second.warnings
    assert "pixels wide; from 80 on" in first.warnings[0]


def test_next_attempt_finds_the_portrait_and_its_warnings(tmp_path: Path, small_face: Image.Image) -> None:
    preprocessing = stage(tmp_path)
    task = task_with(preprocessing, small_face)
    first = preprocessing.prepare_portrait(task)

    again = preprocessing.prepare_portrait(replace(task, attempts=2))

    assert "earlier attempt" in again.remarks[0]
    assert again.warnings == first.warnings


def test_size_of_frames_is_part_of_the_cache_key(tmp_path: Path) -> None:
    picture = Image.open(PORTRAIT)
    for frame_px in (256, 512, 1024):
        preprocessing = stage(tmp_path, frame_px)
        task = task_with(preprocessing, picture)
        prepared = preprocessing.prepare_portrait(task)

        assert "(miss)" in prepared.remarks[0]
        assert prepared.warnings == []
        image = load_arrays(preprocessing.storage.task(task.task_id).portrait)["image"]
        assert image.shape == (frame_px * 3 // 2, frame_px * 3 // 2, 3)
