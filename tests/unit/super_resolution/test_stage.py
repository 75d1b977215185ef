"""The stage: clip after clip, each call with all that it needs, from any process."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.media.frames import Frames
from emo_hallo_ray.pipeline import Segment, segment_name
from emo_hallo_ray.stages.super_resolution import Enlarged, SuperResolution
from emo_hallo_ray.storage import Storage
from emo_hallo_ray.super_resolution.enlargers import Enlargers
from emo_hallo_ray.tasks.model import Task, TaskParams, TaskStatus
from tests.unit.super_resolution.test_restoration import Brighter

CLIPS = (16, 16, 11)  # two segments: two clips, then one


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SuperResolution:
    storage = Storage(tmp_path)
    enlargers = Enlargers(tmp_path / "weights")
    vars(enlargers)["_networks"] = Brighter()
    return SuperResolution(storage, enlargers)


@pytest.fixture
def video(portrait: np.ndarray) -> Frames:
    return np.stack([np.roll(portrait, i, axis=1) for i in range(sum(CLIPS))])


def make_task(**params: object) -> Task:
    return Task(
        task_id="11111111-1111-4111-8111-111111111111",
        status=TaskStatus.PROCESSING,
        progress=0,
        status_message="",
        params=replace(TaskParams(upscale=2), **params),
        engine_reason="asked for",
        created_at=0.0,
        updated_at=0.0,
        fence=1,
    )


def enlarge(stage: SuperResolution, task: Task, video: Frames, *, forget_between_segments: bool) -> list[Enlarged]:
    segments = [Segment(0, 0, 32, 43), Segment(1, 32, 11, 43, segment_name(0, 1))]
    calls = [(segments[0], video[:16], False), (segments[0], video[16:32], True), (segments[1], video[32:], True)]
    made: list[Enlarged] = []
    for segment, clip, is_last in calls:
        before = made[-1] if made else None
        if forget_between_segments and segment.first_frame and made:
            before = None
        made.append(stage.upscale(task, segment, clip, before, is_last))
    return made


def test_a_segment_has_all_its_frames_and_no_others(stage: SuperResolution, video: Frames):
    made = enlarge(stage, make_task(restore_faces=True), video, forget_between_segments=False)
    assert [len(part.frames) for part in made] == [16, 16, 11]
    assert made[0].frames.shape == (16, 1024, 1024, 3)


def test_a_later_attempt_goes_on_from_storage_with_the_same_frames(stage: SuperResolution, video: Frames):
    task = make_task(restore_faces=True)
    undisturbed = enlarge(stage, task, video, forget_between_segments=False)
    resumed = enlarge(stage, task, video, forget_between_segments=True)
    for one, other in zip(undisturbed, resumed, strict=True):
        assert np.array_equal(one.frames, other.frames)


def test_without_networks_nothing_is_kept(stage: SuperResolution, video: Frames):
    made = enlarge(stage, make_task(), video, forget_between_segments=True)
    assert [len(part.frames) for part in made] == [16, 16, 11]
    assert all(part.state == {} for part in made)
