"""The pipeline over fake stages: order, overlap, resumption, errors."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

import pytest

from emo_hallo_ray.errors import InputError, TaskCancelled
from emo_hallo_ray.media.video import VideoInfo
from emo_hallo_ray.pipeline import Prepared, Segment, plan_segments, run_task, segment_name
from emo_hallo_ray.storage import TaskFiles
from emo_hallo_ray.tasks.model import Task, TaskParams, TaskStatus

N_FRAMES = 200  # three segments of 80, 80 and 40 frames


class FakeStages:
    """Writes down what it is asked for; clips are strings."""

    def __init__(self, n_frames: int = N_FRAMES) -> None:
        self.n_frames = n_frames
        self.calls: list[str] = []
        self.joined: list[str] = []
        self.enlarged: list[tuple[str, str | None, bool]] = []

    async def prepare_portrait(self, task: Task) -> Prepared:
        return Prepared(["portrait ready"], warnings=["portrait is dark"])

    async def prepare_speech(self, task: Task) -> Prepared:
        return Prepared(["speech ready"], n_frames=self.n_frames)

    def embed_speech(self, task: Task, segment: Segment) -> str:
        return f"speech {segment.index}"

    async def generate(self, task: Task, segment: Segment, speech: str) -> AsyncGenerator[str, None]:
        self.calls.append(f"generate {segment.index} after {segment.resume_from}")
        assert speech == f"speech {segment.index}"
        for first in range(0, segment.n_frames, 16):
            await asyncio.sleep(0)
            yield f"clip {segment.first_frame + first}"

    def upscale(self, task: Task, segment: Segment, clip: str, before: str | None, is_last: bool) -> str:
        self.enlarged.append((clip, before, is_last))
        return f"{clip} ×{task.params.upscale}"

    async def encode_sound(self, task: Task, n_frames: int) -> None:
        await asyncio.sleep(0.01)  # longer than a segment takes here
        self.calls.append("sound")

    async def encode(self, task: Task, segment: Segment, clips: Sequence[str]) -> None:
        self.calls.append(f"encode {segment.index}: {clips[0]} to {clips[-1]}")

    async def join(self, task: Task, segments: Sequence[str], n_frames: int) -> VideoInfo:
        self.joined = list(segments)
        return video_info(n_frames)


class Recorder:
    """A reporter that remembers, and raises when told to."""

    def __init__(self, fail_at_frame: int | None = None) -> None:
        self.percents: list[int] = []
        self.segments: list[str] = []
        self.lines: list[str] = []
        self.n_kept: int | None = None
        self.stages: set[str] = set()
        self.fail_at_frame = fail_at_frame

    async def log(self, level: str, message: str) -> None:
        self.lines.append(f"{level} {message}")

    async def progress(self, percent: int, message: str, frames_done: int, frames_total: int | None) -> None:
        if self.fail_at_frame is not None and frames_done >= self.fail_at_frame:
            raise TaskCancelled("cancelled by a test")
        self.percents.append(percent)

    async def segment_done(self, index: int, name: str, frames_done: int) -> None:
        self.segments.append(name)

    async def segments_lost(self, n_kept: int) -> None:
        self.n_kept = n_kept

    async def stage_took(self, stage: str, seconds: float) -> None:
        self.stages.add(stage)


def run(
    tmp_path: Path, stages: FakeStages, report: Recorder, segments: tuple[str, ...] = (), fence: int = 1
) -> VideoInfo:
    task = make_task(segments, fence)
    return asyncio.run(run_task(task, TaskFiles(tmp_path), stages, report, clips_per_segment=5))


def test_every_segment_is_generated_encoded_and_joined_in_order(tmp_path: Path) -> None:
    stages, report = FakeStages(), Recorder()

    info = run(tmp_path, stages, report)

    assert info.n_frames == N_FRAMES
    assert stages.joined == report.segments == ["00000-1.mp4", "00001-1.mp4", "00002-1.mp4"]
    assert "encode 1: clip 80 ×2 to clip 144 ×2" in stages.calls
    assert "encode 2: clip 160 ×2 to clip 192 ×2" in stages.calls
    assert report.percents == sorted(report.percents)
    assert report.stages == {"preprocessing", "speech", "generation", "sound", "encoding", "joining"}
    assert report.lines[:3] == ["WARNING portrait is dark", "INFO portrait ready", "INFO speech ready"]
    assert report.lines[3].startswith("INFO enlarging 2× by lanczos; only resampled: faces and background")


def test_enlarging_goes_on_from_the_clip_before_across_segments(tmp_path: Path) -> None:
    stages = FakeStages()

    run(tmp_path, stages, Recorder())

    clips = [f"clip {first}" for first in range(0, N_FRAMES, 16)]
    assert stages.enlarged == [
        (clip, f"{before} ×2" if before else None, clip in ("clip 64", "clip 144", "clip 192"))
        for clip, before in zip(clips, [None, *clips], strict=False)
    ]


def test_a_resumed_task_enlarges_from_what_its_last_segment_left(tmp_path: Path) -> None:
    keep_files(tmp_path, "00000-1.mp4", "00001-1.mp4")
    TaskFiles(tmp_path).enlarging("00001-1.mp4").unlink()
    stages = FakeStages()

    run(tmp_path, stages, Recorder(), segments=("00000-1.mp4", "00001-1.mp4"), fence=2)

    assert stages.joined == ["00000-1.mp4", "00001-2.mp4", "00002-2.mp4"]
    assert stages.enlarged[0] == ("clip 80", None, False)


def test_encoding_overlaps_generation_but_never_falls_two_segments_behind(tmp_path: Path) -> None:
    stages = FakeStages()

    run(tmp_path, stages, Recorder())

    order = [" ".join(call.split()[:2]).rstrip(":") for call in stages.calls]
    assert order.index("generate 1") < order.index("generate 2")
    assert order.index("encode 0") < order.index("generate 2")


def test_a_resumed_task_starts_after_its_last_finished_segment(tmp_path: Path) -> None:
    keep_files(tmp_path, "00000-1.mp4", "00001-1.mp4")
    stages, report = FakeStages(), Recorder()

    run(tmp_path, stages, report, segments=("00000-1.mp4", "00001-1.mp4"), fence=2)

    assert [call for call in stages.calls if call.startswith("generate")] == ["generate 2 after 00001-1.mp4"]
    assert stages.joined == ["00000-1.mp4", "00001-1.mp4", "00002-2.mp4"]
    assert "INFO resuming after segment 2" in report.lines


def test_a_task_whose_last_segment_was_finished_only_joins(tmp_path: Path) -> None:
    names = tuple(segment_name(i, 1) for i in range(3))
    keep_files(tmp_path, *names)
    stages = FakeStages()

    run(tmp_path, stages, Recorder(), segments=names, fence=2)

    assert stages.calls == ["sound"]
    assert stages.joined == list(names)


def test_segments_whose_files_are_gone_are_generated_again(tmp_path: Path) -> None:
    keep_files(tmp_path, "00000-1.mp4")
    stages, report = FakeStages(), Recorder()

    run(tmp_path, stages, report, segments=("00000-1.mp4", "00001-1.mp4"), fence=2)

    assert report.n_kept == 1
    assert any("00001-1.mp4 is gone" in line for line in report.lines)
    assert stages.joined == ["00000-1.mp4", "00001-2.mp4", "00002-2.mp4"]


def test_losing_the_task_stops_the_run_at_the_next_report(tmp_path: Path) -> None:
    stages = FakeStages()

    with pytest.raises(TaskCancelled, match="by a test"):
        run(tmp_path, stages, Recorder(fail_at_frame=96))

    assert stages.joined == []
    assert "generate 2 after 00001-1.mp4" not in stages.calls


@pytest.mark.parametrize("stage", ["prepare_portrait", "prepare_speech", "encode", "join"])
def test_an_error_of_any_stage_comes_out_in_its_own_class(tmp_path: Path, stage: str) -> None:
    stages = FakeStages()
    setattr(stages, stage, failing(InputError(f"{stage} failed")))

    with pytest.raises(InputError, match=f"{stage} failed"):
        run(tmp_path, stages, Recorder())


@pytest.mark.parametrize(
    ("n_frames", "lengths"), [(1, [1]), (80, [80]), (81, [80, 1]), (200, [80, 80, 40]), (160, [80, 80])]
)
def test_segments_cover_the_video_without_gap_or_overlap(n_frames: int, lengths: list[int]) -> None:
    segments = plan_segments(n_frames, clips_per_segment=5, fence=1)

    assert [segment.n_frames for segment in segments] == lengths
    assert [segment.first_frame for segment in segments] == [sum(lengths[:i]) for i in range(len(lengths))]


def failing(error: Exception) -> Callable[..., object]:
    async def fail(*_: object) -> None:
        raise error

    return fail


def keep_files(folder: Path, *names: str) -> None:
    files = TaskFiles(folder)
    files.make_folders()
    for name in names:
        files.segment(name).touch()
        files.checkpoint(name).touch()
        files.enlarging(name).touch()


def make_task(segments: tuple[str, ...] = (), fence: int = 1) -> Task:
    return Task(
        task_id="11111111-1111-4111-8111-111111111111",
        status=TaskStatus.PROCESSING,
        progress=0,
        status_message="",
        params=TaskParams(upscale=2),
        engine_reason="asked for",
        created_at=0.0,
        updated_at=0.0,
        fence=fence,
        segments=segments,
    )


def video_info(n_frames: int) -> VideoInfo:
    info: VideoInfo = object.__new__(VideoInfo)
    object.__setattr__(info, "n_frames", n_frames)
    return info
