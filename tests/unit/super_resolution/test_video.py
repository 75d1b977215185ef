import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.errors import MediaToolFailed
from emo_hallo_ray.media.frames import Frames
from emo_hallo_ray.media.probe import probe_video
from emo_hallo_ray.media.source import decode_frames, probe_source
from emo_hallo_ray.super_resolution.lanczos import LanczosEnlarger, upscale_lanczos
from emo_hallo_ray.super_resolution.video import upscale_video
from tests.unit.media.films import numbers, sound_lag_s, sound_md5, write_film

PEAK = """
import re, sys
from pathlib import Path
from emo_hallo_ray.media.source import probe_source
from emo_hallo_ray.super_resolution.lanczos import LanczosEnlarger
from emo_hallo_ray.super_resolution.video import upscale_video
made = upscale_video(probe_source(Path(sys.argv[1])), Path(sys.argv[2]), LanczosEnlarger(2))
print(made.n_frames, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


class LooksAhead:
    """Holds the last three frames back, as networks that look at neighbours do."""

    method = "looks ahead"

    def __init__(self) -> None:
        self.held: Frames | None = None

    def push(self, frames: Frames) -> Frames:
        known = frames if self.held is None else np.concatenate([self.held, frames])
        given, self.held = known[:-3], known[-3:]
        return upscale_lanczos(given, 2)

    def finish(self) -> Frames:
        assert self.held is not None
        return upscale_lanczos(self.held, 2)


class FailsOnSecondBlock(LanczosEnlarger):
    """As a GPU does that has no memory left."""

    n_blocks = 0

    def push(self, frames: Frames) -> Frames:
        self.n_blocks += 1
        if self.n_blocks == 2:
            raise MemoryError("no room for a second block")
        return super().push(frames)


def shown_numbers(path: Path) -> list[int]:
    return [number for block in decode_frames(probe_source(path)) for number in numbers(block)]


@pytest.mark.parametrize("factor", [2, 4])
def test_the_video_grows_and_keeps_frames_pace_and_sound(tmp_path: Path, factor: int) -> None:
    film = write_film(tmp_path / "in.mp4", 36, rate="24000/1001", sound=("-c:a", "aac"))

    made = upscale_video(probe_source(film), tmp_path / "out.mp4", LanczosEnlarger(factor))

    source = probe_source(tmp_path / "out.mp4")
    assert (made.width_px, made.height_px) == (source.width_px, source.height_px) == (64 * factor, 48 * factor)
    assert made.n_frames == probe_video(tmp_path / "out.mp4").n_frames == 36
    assert shown_numbers(tmp_path / "out.mp4") == list(range(36))
    assert source.fps == probe_source(film).fps
    assert sound_md5(tmp_path / "out.mp4") == sound_md5(film)
    assert sound_lag_s(tmp_path / "out.mp4", film) == pytest.approx(0, abs=0.001)


def test_odd_sides_become_even_without_losing_a_pixel(tmp_path: Path) -> None:
    film = write_film(tmp_path / "in.mkv", 5, size=(63, 49), video=("-c:v", "ffv1", "-pix_fmt", "yuv444p"))

    made = upscale_video(probe_source(film), tmp_path / "out.mp4", LanczosEnlarger(2))

    assert (made.width_px, made.height_px, made.n_frames) == (126, 98, 5)


def test_an_enlarger_that_looks_ahead_loses_no_frame(tmp_path: Path) -> None:
    film = write_film(tmp_path / "in.mp4", 20)

    made = upscale_video(probe_source(film), tmp_path / "out.mp4", LooksAhead())

    assert made.n_frames == 20
    assert shown_numbers(tmp_path / "out.mp4") == list(range(20))


def test_the_file_and_the_log_say_how_it_was_enlarged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    film = write_film(tmp_path / "in.mp4", 3, video=("-metadata", "comment=AI-generated"))

    with caplog.at_level(logging.INFO):
        upscale_video(probe_source(film), tmp_path / "out.mp4", LanczosEnlarger(2))

    comment = probe_source(tmp_path / "out.mp4").tags["comment"]
    assert comment.startswith("AI-generated; enlarged from 64×48 by emo-hallo-ray")
    assert comment.endswith("(lanczos)")
    assert [vars(record)["method"] for record in caplog.records if record.message == "video enlarged"] == ["lanczos"]


def test_progress_counts_every_frame(tmp_path: Path) -> None:
    film = write_film(tmp_path / "in.mp4", 20, size=(640, 480))
    told: list[int] = []

    upscale_video(probe_source(film), tmp_path / "out.mp4", LanczosEnlarger(2), told.append)

    assert len(told) > 3
    assert told == sorted(told)
    assert told[-1] == 20


@pytest.mark.parametrize("error", ["enlarger", "progress", "encoder"])
def test_a_failure_anywhere_ends_the_work_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    def interrupt(n_frames: int) -> None:
        if error == "progress":
            raise KeyboardInterrupt

    film = probe_source(write_film(tmp_path / "in.mp4", 60, size=(640, 480)))
    if error == "encoder":
        monkeypatch.setattr("emo_hallo_ray.media.rendition.encoder_args", lambda encoder: ["-c:v", "none-such"])
    enlarger = FailsOnSecondBlock(2) if error == "enlarger" else LanczosEnlarger(2)

    with pytest.raises({"enlarger": MemoryError, "progress": KeyboardInterrupt, "encoder": MediaToolFailed}[error]):
        upscale_video(film, tmp_path / "out" / "out.mp4", enlarger, interrupt)

    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak, which getrusage mixes with its parent's")
def test_memory_does_not_depend_on_the_length(tmp_path: Path) -> None:
    peaks_mib = {}
    for n_frames in (250, 1000):
        film = write_film(tmp_path / f"{n_frames}.mp4", n_frames, size=(160, 120), rate="25")
        command = [sys.executable, "-c", PEAK, film, tmp_path / "out.mp4"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        counted, peak_kib = map(int, done.stdout.split())
        assert counted == n_frames
        peaks_mib[n_frames] = peak_kib / 1024

    # what the longer one has more, enlarged, is 160 MiB; on a busy machine a few frames more wait in between
    assert peaks_mib[1000] - peaks_mib[250] < 80
