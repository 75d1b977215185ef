import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from emo_hallo_ray.gpu import Gpu
from emo_hallo_ray.media import encoder
from emo_hallo_ray.media.encoder import choose_encoder
from emo_hallo_ray.media.ffmpeg import file_url, run
from emo_hallo_ray.media.frames import RGB_TO_YUV

LISTS = "echo ' V....D libx264'; echo ' A....D aac'; echo ' V....D h264_nvenc'"
LISTS_NO_NVENC = "echo ' V....D libx264'; echo ' A....D aac'; echo ' V....D hevc_nvenc'"
GPU = Gpu(0, "GPU-0", "NVIDIA T4", 0, 16 << 30)


class FakeFfmpeg:
    """A program that lists encoders, and tries them out with the given end; it notes every trial."""

    def __init__(self, folder: Path) -> None:
        self.program, self.trials = folder / "ffmpeg", folder / "trials"

    def write(self, listing: str, trial: str) -> None:
        script = f'#!/bin/sh\ncase "$*" in *-encoders) {listing};; *) echo "$*" >> {self.trials}; {trial};; esac\n'
        self.program.write_text(script)
        self.program.chmod(stat.S_IRWXU)

    def n_trials(self) -> int:
        return len(self.trials.read_text().splitlines()) if self.trials.exists() else 0


@pytest.fixture
def ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFfmpeg]:
    fake = FakeFfmpeg(tmp_path)
    for module in ("encoder", "ffmpeg"):
        monkeypatch.setattr(f"emo_hallo_ray.media.{module}.ffmpeg_path", lambda: str(fake.program))
    monkeypatch.setattr(encoder, "describe_gpus", lambda: [GPU])
    encoder._nvenc_works.cache_clear()
    yield fake
    encoder._nvenc_works.cache_clear()


def test_nvenc_is_chosen_where_it_works(ffmpeg: FakeFfmpeg) -> None:
    ffmpeg.write(LISTS, "exit 0")

    assert choose_encoder() == "nvenc"
    assert "h264_nvenc" in ffmpeg.trials.read_text()


@pytest.mark.parametrize(
    ("listing", "trial"),
    [
        (LISTS, "echo 'Cannot load libnvidia-encode.so.1' >&2; exit 1"),
        (LISTS, "kill -SEGV $$"),
        (LISTS, "exec sleep 30"),
        (LISTS_NO_NVENC, "exit 0"),
        ("exit 127", "exit 0"),
    ],
    ids=["trial fails", "trial crashes", "trial hangs", "not listed", "broken"],
)
def test_x264_is_chosen_where_nvenc_does_not_work(
    ffmpeg: FakeFfmpeg, monkeypatch: pytest.MonkeyPatch, listing: str, trial: str
) -> None:
    monkeypatch.setattr(encoder, "TRIAL_TIMEOUT_S", 0.5)
    ffmpeg.write(listing, trial)

    assert choose_encoder() == "x264"


def test_without_a_gpu_nothing_is_tried(ffmpeg: FakeFfmpeg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "describe_gpus", lambda: [])
    ffmpeg.write(LISTS, "exit 0")

    assert (choose_encoder(), ffmpeg.n_trials()) == ("x264", 0)


@pytest.mark.parametrize("trial", ["exit 0", "exit 1"], ids=["works", "fails"])
def test_the_machine_is_examined_once(ffmpeg: FakeFfmpeg, trial: str) -> None:
    ffmpeg.write(LISTS, trial)

    assert len({choose_encoder(), choose_encoder(), choose_encoder(1024, 1024)}) == 1
    assert ffmpeg.n_trials() == 1


@pytest.mark.parametrize(("size", "chosen"), [((4096, 2160), "nvenc"), ((7680, 4320), "x264"), ((640, 96), "x264")])
def test_sizes_that_nvenc_does_not_take_go_to_x264(ffmpeg: FakeFfmpeg, size: tuple[int, int], chosen: str) -> None:
    ffmpeg.write(LISTS, "exit 0")

    assert choose_encoder(*size) == chosen


def test_options_of_nvenc_are_ones_that_ffmpeg_knows(tmp_path: Path) -> None:
    """A GPU may be missing, but a misspelt option would be refused before it is looked for."""
    args = ["-f", "lavfi", "-i", encoder.TRIAL, "-vf", RGB_TO_YUV, *encoder.encoder_args("nvenc")]
    if not encoder._lists_nvenc():
        pytest.skip("this ffmpeg is built without NVENC")
    try:
        run([*args, file_url(tmp_path / "x.mp4")], 30)
    except encoder.MediaToolFailed as error:
        assert "nvcuda" in error.detail or "libcuda" in error.detail or "device" in error.detail
