import pickle
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from emo_hallo_ray.errors import MediaToolFailed
from emo_hallo_ray.media import ffmpeg
from emo_hallo_ray.media.ffmpeg import file_url, run, stream, timed_out

from .samples import write_recording

ENDLESS = ["-f", "lavfi", "-i", "anullsrc", "-f", "s16le", "pipe:1"]


def test_output_comes_back_whole() -> None:
    silence = run(["-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "2", "-f", "s16le", "pipe:1"], 20)

    assert silence == bytes(2 * 8000 * 2)


def test_more_input_than_a_pipe_holds_passes_through() -> None:
    blocks = [bytes([i]) * 100_000 for i in range(20)]
    raw = ["-f", "u8", "-ar", "8000", "-ac", "1"]

    assert run([*raw, "-i", "pipe:0", "-f", "u8", "pipe:1"], 20, stdin=blocks) == b"".join(blocks)


def test_failure_carries_what_ffmpeg_said_and_survives_pickling(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no sound here")

    with pytest.raises(MediaToolFailed, match="Error opening input file x") as caught:
        run(["-f", "ogg", "-i", file_url(tmp_path / "x"), "-f", "null", "pipe:1"], 20)

    assert not timed_out(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize("consume", [lambda: run(ENDLESS, 0.3), lambda: list(stream(ENDLESS, 0.3, 1 << 20))])
def test_a_run_that_takes_too_long_is_killed(consume: object) -> None:
    started = time.monotonic()

    with pytest.raises(MediaToolFailed, match=r"within 0\.3 s") as caught:
        consume()  # type: ignore[operator]

    assert timed_out(caught.value)
    assert time.monotonic() - started < 5


def test_leaving_a_stream_early_stops_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    blocks = stream(ENDLESS, 60, 1000)
    assert len(next(blocks)) == 1000

    blocks.close()

    assert started[0].returncode is not None


def test_an_error_of_the_feeding_side_wins_over_ffmpegs() -> None:
    def blocks() -> Iterator[bytes]:
        yield bytes(1000)
        raise LookupError("the next block is gone")

    with pytest.raises(LookupError, match="gone"):
        run(["-f", "u8", "-ar", "8000", "-ac", "1", "-i", "pipe:0", "-f", "null", "pipe:1"], 20, stdin=blocks())


def test_ffmpeg_that_stops_reading_early_is_no_error() -> None:
    args = ["-f", "u8", "-ar", "8000", "-ac", "1", "-i", "pipe:0", "-t", "0.1", "-f", "u8", "pipe:1"]

    assert len(run(args, 20, stdin=(bytes(100_000) for _ in range(100)))) == 800


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x.wav", "concat:/etc/passwd", "tcp://127.0.0.1:9"])
def test_other_protocols_than_local_files_are_out_of_reach(tmp_path: Path, url: str) -> None:
    first = write_recording(tmp_path / "x", "wav", duration_s=0.1)

    with pytest.raises(MediaToolFailed, match="whitelist"):
        run(["-f", "wav", "-i", file_url(first), "-f", "wav", "-i", url, "-f", "null", "pipe:1"], 20)


@pytest.mark.parametrize(
    "name", ["-i", "-version.wav", "a b'\"$(x).wav", "%03d.wav", "pipe:1", "concat:a|b", "http:x", "ü\n.wav"]
)
def test_no_file_name_means_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write_recording(Path(name), "wav", duration_s=0.2)

    pcm = run(["-f", "wav", "-i", file_url(Path(name)), "-f", "s16le", "pipe:1"], 20)

    assert len(pcm) == 0.2 * 16_000 * 2


@pytest.mark.parametrize(
    ("script", "chosen"),
    [
        ("#!/bin/sh\necho ' V..... libx264'; echo ' A..... aac'", "system"),
        ("#!/bin/sh\necho ' V..... libopenh264'; echo ' A..... aac'", "bundled"),
        ("#!/bin/sh\nexit 127", "bundled"),
        ("no program", "bundled"),
    ],
    ids=["able", "without x264", "broken", "not executable"],
)
def test_a_system_ffmpeg_is_used_if_it_can_encode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, chosen: str
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", lambda: "bundled")
    ffmpeg.ffmpeg_path.cache_clear()

    try:
        assert ffmpeg.ffmpeg_path() == {"system": str(program), "bundled": "bundled"}[chosen]
    finally:
        ffmpeg.ffmpeg_path.cache_clear()
