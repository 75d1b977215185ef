import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emo_hallo_ray.errors import MediaToolFailed
from emo_hallo_ray.media.ffmpeg import ffmpeg_path, file_url, run
from emo_hallo_ray.media.sound import SOUND_RATE_HZ, encode_sound
from emo_hallo_ray.media.video import (
    FPS,
    VideoInfo,
    encode_segment,
    extract_frame,
    join_segments,
    probe_video,
    read_frames,
)

from .samples import moving_frames, tone, write_recording, write_wav

TICK = 512  # of 1/12800 s, one frame


def encode_all(folder: Path, frames: NDArray[np.uint8], lengths: list[int]) -> list[Path]:
    """One segment per length, in files whose names ask for trouble."""
    segments, first = [], 0
    for index, length in enumerate(lengths):
        path = folder / f"-seg '{index:05d}' %d.mp4"
        encode_segment([frames[first : first + length]], path, first_frame=first)
        segments.append(path)
        first += length
    return segments


def join(
    segments: list[Path], upload: Path, n_frames: int, path: Path, metadata: dict[str, str] | None = None
) -> VideoInfo:
    """Segments and an upload, as the encoding stage joins them."""
    sound = upload.with_name("sound.m4a")
    encode_sound(upload, n_frames * SOUND_RATE_HZ // FPS, sound, 60)
    return join_segments(segments, sound, n_frames, path, metadata or {})


def packets(path: Path) -> list[list[int]]:
    """(dts, pts, duration, size) of every video packet."""
    dump = run(["-i", file_url(path), "-map", "0:v", "-c", "copy", "-f", "framecrc", "pipe:1"], 30).decode()
    return [[int(field) for field in line.split(",")[1:5]] for line in dump.splitlines() if not line.startswith("#")]


def describe(path: Path) -> str:
    """What ffmpeg says about a file to a person."""
    command = [ffmpeg_path(), "-hide_banner", "-i", file_url(path)]
    return subprocess.run(command, capture_output=True, check=False).stderr.decode()


def test_a_segment_has_the_frames_it_was_given(tmp_path: Path) -> None:
    frames = moving_frames(20)

    n_frames = encode_segment((frames[i : i + 7] for i in range(0, 20, 7)), tmp_path / "s.mp4", first_frame=0)

    decoded = read_frames(tmp_path / "s.mp4", 0, 100)
    assert n_frames == probe_video(tmp_path / "s.mp4").n_frames == len(decoded) == 20
    for index, frame in enumerate(decoded):
        distances = np.abs(frame.astype(int) - frames).mean(axis=(1, 2, 3))
        assert distances.argmin() == index
        assert distances[index] < 16  # of noise in single pixels, whose colour has half the resolution


def test_equal_frames_give_equal_bytes(tmp_path: Path) -> None:
    frames = moving_frames(30, 256, 256)

    encode_segment([frames], tmp_path / "a.mp4", first_frame=48)
    encode_segment(list(frames[:, None]), tmp_path / "b.mp4", first_frame=48)

    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize(
    "rgb",
    [(0, 0, 0), (255, 255, 255), (128, 128, 128), (255, 0, 0), (0, 255, 0), (0, 0, 255), (224, 172, 140)],
    ids=str,
)
def test_colours_survive(tmp_path: Path, rgb: tuple[int, int, int]) -> None:
    encode_segment([np.full((2, 64, 64, 3), rgb, np.uint8)], tmp_path / "s.mp4", first_frame=0)

    assert np.abs(extract_frame(tmp_path / "s.mp4", 1).astype(int) - rgb).max() <= 3


def test_luma_is_bt709_in_television_range(tmp_path: Path) -> None:
    encode_segment([np.full((1, 64, 64, 3), (0, 255, 0), np.uint8)], tmp_path / "s.mp4", first_frame=0)

    planes = run(["-i", file_url(tmp_path / "s.mp4"), "-f", "rawvideo", "-pix_fmt", "yuv420p", "pipe:1"], 30)

    luma, chroma = planes[: 64 * 64], planes[64 * 64 :]
    assert np.median(np.frombuffer(luma, np.uint8)) == pytest.approx(16 + 219 * 0.7152, abs=1)
    assert np.median(np.frombuffer(chroma[: 32 * 32], np.uint8)) == pytest.approx(128 - 224 * 0.3854, abs=1)


def test_stream_is_what_browsers_play(tmp_path: Path) -> None:
    encode_segment([moving_frames(3)], tmp_path / "s.mp4", first_frame=0)

    said = describe(tmp_path / "s.mp4")

    assert "h264 (High)" in said
    assert "yuv420p(tv, bt709, progressive)" in said
    assert "25 fps" in said


def test_a_segment_is_one_fragment_that_knows_its_time(tmp_path: Path) -> None:
    path = encode_all(tmp_path, moving_frames(30), [13, 17])[1]

    data = path.read_bytes()

    assert data[4:8] == b"ftyp"
    assert data.count(b"moof") == 1
    decode_time = data.index(b"tfdt") + 8
    assert int.from_bytes(data[decode_time : decode_time + 8]) == 13 * TICK


@pytest.mark.parametrize("lengths", [[1], [80], [5, 1, 2, 80, 1, 16], [16] * 12], ids=str)
def test_joining_is_exact(tmp_path: Path, lengths: list[int]) -> None:
    n_frames = sum(lengths)
    segments = encode_all(tmp_path, moving_frames(n_frames), lengths)
    audio = write_wav(tmp_path / "audio", tone(n_frames / FPS, 44_100), 44_100)

    info = join(segments, audio, n_frames, tmp_path / "out.mp4")

    assert info == probe_video(tmp_path / "out.mp4")
    assert (info.n_frames, info.fps, info.width_px, info.height_px) == (n_frames, 25.0, 64, 48)
    assert info.duration_s == pytest.approx(n_frames / 25, abs=1e-9)
    assert info.audio_duration_s == pytest.approx(n_frames / 25, abs=1e-9)
    assert info.size_bytes == (tmp_path / "out.mp4").stat().st_size
    assert [packet[:3] for packet in packets(tmp_path / "out.mp4")] == [
        [i * TICK, i * TICK, TICK] for i in range(n_frames)
    ]
    decoded_alone = np.concatenate([read_frames(path, 0, 1000) for path in segments])
    np.testing.assert_array_equal(read_frames(tmp_path / "out.mp4", 0, n_frames), decoded_alone)


@pytest.mark.parametrize("kind", ["wav", "mp3", "mp3_bare", "ogg_vorbis", "ogg_opus", "m4a"])
@pytest.mark.parametrize(
    ("duration_s", "rate_hz", "n_channels"), [(0.3, 8_000, 1), (2.0, 48_000, 2)], ids=["padded", "cut"]
)
def test_sound_gets_the_length_of_the_picture(
    tmp_path: Path, kind: str, duration_s: float, rate_hz: int, n_channels: int
) -> None:
    segments = encode_all(tmp_path, moving_frames(25), [25])
    audio = write_recording(tmp_path / "audio", kind, duration_s, rate_hz, n_channels)

    info = join(segments, audio, 25, tmp_path / "out.mp4")

    assert (info.audio_codec, info.duration_s, info.audio_duration_s) == ("aac", 1.0, 1.0)
    assert ("stereo" if n_channels == 2 else "mono") in describe(tmp_path / "out.mp4")


def test_sound_that_changes_on_the_way_is_there_to_its_end(tmp_path: Path) -> None:
    mono = write_recording(tmp_path / "mono", "mp3_bare", 1.0, 22_050, 1)
    stereo = write_recording(tmp_path / "stereo", "mp3_bare", 1.0, 44_100, 2)
    (tmp_path / "audio").write_bytes(mono.read_bytes() + stereo.read_bytes())
    segments = encode_all(tmp_path, moving_frames(50), [50])

    info = join(segments, tmp_path / "audio", 50, tmp_path / "out.mp4")

    args = ["-i", file_url(tmp_path / "out.mp4"), "-map", "0:a", "-ar", "8000", "-ac", "1", "-f", "f32le", "pipe:1"]
    samples = np.frombuffer(run(args, 30), np.float32)
    loudness = np.square(samples[:16_000].reshape(8, -1)).mean(axis=1) ** 0.5
    assert (info.n_frames, info.audio_duration_s) == (50, 2.0)
    assert loudness.min() > 0.1


def test_sound_stays_in_time_with_the_picture(tmp_path: Path) -> None:
    burst = np.zeros((48_000, 6), np.int16)
    burst[24_000:28_800] = tone(0.1, 48_000, 6)
    segments = encode_all(tmp_path, moving_frames(25), [25])
    audio = tmp_path / "audio"
    raw = ["-f", "s16le", "-ar", "48000", "-ac", "6", "-i", "pipe:0"]
    run([*raw, "-f", "wav", file_url(audio)], 30, stdin=[burst.tobytes()])

    join(segments, audio, 25, tmp_path / "out.mp4")

    pcm = run(["-i", file_url(tmp_path / "out.mp4"), "-map", "0:a", "-ac", "1", "-f", "f32le", "pipe:1"], 30)
    samples = np.frombuffer(pcm, np.float32)
    loud = np.flatnonzero(np.abs(samples) > 0.15)
    assert loud[0] / 48_000 == pytest.approx(0.5, abs=0.003)
    assert np.abs(samples).max() < 0.5  # six channels were mixed, not added up


def test_tags_are_ours_and_not_the_uploads(tmp_path: Path) -> None:
    segments = encode_all(tmp_path, moving_frames(2), [2])
    tagged = ["-f", "lavfi", "-i", "sine=d=1", "-metadata", "artist=Somebody", "-metadata", "comment=home address"]
    run([*tagged, "-f", "mp3", file_url(tmp_path / "audio")], 30)
    tags = {"title": "a=b;#\\c\nsecond line", "comment": "Grüße 你好 -i"}

    info = join(segments, tmp_path / "audio", 2, tmp_path / "out.mp4", tags)

    assert {key: info.metadata[key] for key in tags} == tags
    assert "artist" not in info.metadata


def test_playing_can_start_before_the_file_is_loaded(tmp_path: Path) -> None:
    segments = encode_all(tmp_path, moving_frames(2), [2])

    join(segments, write_wav(tmp_path / "audio", tone(1.0)), 2, tmp_path / "out.mp4")

    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_any_frame_can_be_taken_out(tmp_path: Path) -> None:
    segments = encode_all(tmp_path, moving_frames(40), [16, 16, 8])
    join(segments, write_wav(tmp_path / "audio", tone(1.6)), 40, tmp_path / "out.mp4")
    decoded = read_frames(tmp_path / "out.mp4", 0, 40)

    for index in (0, 1, 15, 16, 17, 31, 32, 39):
        np.testing.assert_array_equal(extract_frame(tmp_path / "out.mp4", index), decoded[index])
    np.testing.assert_array_equal(read_frames(tmp_path / "out.mp4", 30, 5), decoded[30:35])
    np.testing.assert_array_equal(extract_frame(segments[1], 3), decoded[19])
    with pytest.raises(IndexError, match="no frame 40"):
        extract_frame(tmp_path / "out.mp4", 40)


def test_a_missing_segment_is_noticed_and_leaves_no_result(tmp_path: Path) -> None:
    segments = encode_all(tmp_path, moving_frames(9), [3, 3, 3])
    audio = write_wav(tmp_path / "audio", tone(1.0))

    with pytest.raises(MediaToolFailed, match="6 frames, 9 were expected"):
        join(segments[:2], audio, 9, tmp_path / "out" / "v.mp4")

    assert list((tmp_path / "out").iterdir()) == []


def test_a_damaged_segment_is_noticed(tmp_path: Path) -> None:
    segments = encode_all(tmp_path, moving_frames(9), [3, 3, 3])
    segments[1].write_bytes(segments[1].read_bytes()[:900])

    with pytest.raises(MediaToolFailed):
        join(segments, write_wav(tmp_path / "audio", tone(1.0)), 9, tmp_path / "v.mp4")


def test_an_error_among_the_frames_leaves_no_segment(tmp_path: Path) -> None:
    def frames() -> Iterator[NDArray[np.uint8]]:
        yield moving_frames(3)
        raise LookupError("cancelled")

    with pytest.raises(LookupError, match="cancelled"):
        encode_segment(frames(), tmp_path / "out" / "s.mp4", first_frame=0)

    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([], "at least one frame"),
        ([np.zeros((0, 8, 8, 3), np.uint8)], "at least one frame"),
        ([np.zeros((1, 8, 7, 3), np.uint8)], "7×8; .* even"),
        ([np.zeros((1, 8, 8, 3), np.uint8), np.zeros((1, 8, 16, 3), np.uint8)], "was expected"),
        ([np.zeros((1, 8, 8, 3), np.float32)], "float32"),
    ],
    ids=["nothing", "empty block", "odd width", "size changes", "floats"],
)
def test_frames_that_make_no_video(tmp_path: Path, blocks: list[NDArray[np.uint8]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode_segment(blocks, tmp_path / "s.mp4", first_frame=0)

    assert list(tmp_path.iterdir()) == []


def test_a_tag_that_mp4_would_lose_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="engine"):
        join_segments([], tmp_path / "audio", 1, tmp_path / "out.mp4", {"engine": "preview"})


def test_many_segments_join(tmp_path: Path) -> None:
    """As many as an hour has, made from one by writing other times into it."""
    n_segments = 1200
    encode_segment([moving_frames(1, 16, 16)], tmp_path / "template", first_frame=0)
    template = (tmp_path / "template").read_bytes()
    decode_time = template.index(b"tfdt") + 8
    segments = []
    for index in range(n_segments):
        segments.append(tmp_path / f"{index:05d}.mp4")
        time = (index * TICK).to_bytes(8)
        segments[-1].write_bytes(template[:decode_time] + time + template[decode_time + 8 :])

    info = join(segments, write_wav(tmp_path / "a", tone(1.0)), n_segments, tmp_path / "out.mp4")

    assert (info.n_frames, info.duration_s, info.audio_duration_s) == (n_segments, 48.0, 48.0)


def test_segments_of_different_encoders_are_refused_rather_than_joined_to_a_broken_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = moving_frames(20)
    encode_segment([frames[:10]], tmp_path / "a.mp4", first_frame=0)
    other = ["-c:v", "libx264", "-profile:v", "high", "-preset", "slow", "-crf", "18"]
    monkeypatch.setattr("emo_hallo_ray.media.video.encoder_args", lambda encoder, crf: other)
    encode_segment([frames[10:]], tmp_path / "b.mp4", first_frame=10)

    with pytest.raises(MediaToolFailed, match="different encoders"):
        join_segments([tmp_path / "a.mp4", tmp_path / "b.mp4"], tmp_path / "audio", 20, tmp_path / "out.mp4", {})
