"""The speech stage: remarks reach the log from wherever, engines stay loaded, the cache tells versions apart."""

import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.cache import PreprocessingCache
from emo_hallo_ray.engines.base import Arrays, Engine, SpeechTrack
from emo_hallo_ray.engines.registry import EngineCatalog
from emo_hallo_ray.media.audio import decode_speech
from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.pipeline import Segment
from emo_hallo_ray.stages.speech import SpeechEmbedding
from emo_hallo_ray.storage import Storage
from emo_hallo_ray.tasks.model import Task, TaskParams, TaskStatus
from tests.unit.media.samples import write_recording


class Remarking:
    """Remarks on what it decodes, and counts."""

    version = "1"
    n_made = 0
    n_decoded = 0

    def __init__(self) -> None:
        type(self).n_made += 1

    def decode(self, source: Path, destination: Path, limits: MediaLimits) -> list[str]:
        type(self).n_decoded += 1
        decode_speech(source, destination, limits)
        return ["a horse was heard", "it neighed"]

    def measure(self, path: Path) -> Arrays:
        return {"level": np.array(3.0)}

    def embed(self, track: SpeechTrack, first_frame: int, n_frames: int) -> Arrays:
        assert set(track.loudness) == {"level"}
        return {"frames": np.arange(first_frame, first_frame + n_frames)}


def _unused(*_: object) -> None:
    raise AssertionError("this stage needs speech alone")


ENGINE = Engine("remarking", _unused, Remarking, _unused)  # type: ignore[arg-type]


@pytest.fixture
def stage(tmp_path: Path) -> SpeechEmbedding:
    Remarking.n_made = Remarking.n_decoded = 0
    Remarking.version = "1"
    storage = Storage(tmp_path)
    catalog = EngineCatalog({"remarking": f"{__name__}:ENGINE"})
    return SpeechEmbedding(storage, PreprocessingCache(storage.cache, 10**8), MediaLimits(), catalog)


@pytest.fixture
def new_task(stage: SpeechEmbedding) -> Callable[..., Task]:
    def make(engine: str = "remarking", use_cache: bool = True) -> Task:
        task_id = str(uuid.uuid4())
        files = stage.storage.task(task_id)
        files.make_folders()
        write_recording(files.audio, "wav", 1.0)
        params = TaskParams(engine=engine, use_cache=use_cache)
        return Task(task_id, TaskStatus.PROCESSING, 0, "", params, engine_reason="", created_at=0.0, updated_at=0.0)

    return make


def test_remarks_come_with_new_cached_and_earlier_speech(stage: SpeechEmbedding, new_task: Callable[..., Task]) -> None:
    first, second = new_task(), new_task()

    prepared = [stage.prepare(task) for task in (first, second, second)]

    hows = [remarks.remarks[0] for remarks in prepared]
    assert [how.split()[-1] for how in hows] == ["(miss)", "(hit)", "attempt"]
    assert all(each.remarks[1:3] == ["a horse was heard", "it neighed"] for each in prepared)
    assert all(each.n_frames == 25 for each in prepared)
    assert Remarking.n_decoded == 1


def test_use_cache_false_decodes_again(stage: SpeechEmbedding, new_task: Callable[..., Task]) -> None:
    for _ in range(2):
        stage.prepare(new_task(use_cache=False))

    assert Remarking.n_decoded == 2


def test_another_version_decodes_again(stage: SpeechEmbedding, new_task: Callable[..., Task]) -> None:
    stage.prepare(new_task())
    Remarking.version = "1-vocals"
    stage.prepare(new_task())

    assert Remarking.n_decoded == 2


def test_embedder_stays_loaded_over_segments_and_tasks(stage: SpeechEmbedding, new_task: Callable[..., Task]) -> None:
    for task in (new_task(), new_task()):
        stage.prepare(task)
        for first in (0, 16):
            features = stage.embed(task, Segment(0, first, 16, 25))
            assert np.array_equal(features["frames"], np.arange(first, first + 16))

    assert Remarking.n_made == 1


def test_preview_engine_has_nothing_to_remark(stage: SpeechEmbedding, new_task: Callable[..., Task]) -> None:
    task = new_task(engine="preview")

    prepared = stage.prepare(task)

    assert len(prepared.remarks) == 2
    assert stage.embed(task, Segment(0, 0, 16, 25))["mouth"].shape == (16, 8)
