"""A stream put together from segments and sound, as real players' demuxers see it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emo_hallo_ray.media.ffmpeg import file_url, run
from emo_hallo_ray.media.hls import Span, init_part, measure_segment, media_part, write_playlist
from emo_hallo_ray.media.packets import PACKET_SAMPLES
from emo_hallo_ray.media.sound import SOUND_RATE_HZ, encode_sound
from emo_hallo_ray.media.video import FPS, encode_segment, read_frames

from .samples import moving_frames, tone, write_recording, write_wav

LENGTHS = [16, 32, 7]


@pytest.fixture(params=["mono", "stereo"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Three segments, their sound, and a playlist over all of them."""
    n_channels = 1 if request.param == "mono" else 2
    upload = write_recording(tmp_path / "upload", "wav", 2.0, 44_100, n_channels)
    return make_stream(tmp_path, upload)


def make_stream(folder: Path, upload: Path) -> Path:
    n_frames = sum(LENGTHS)
    frames, sound, first = moving_frames(n_frames), folder / "sound.m4a", 0
    encode_sound(upload, n_frames * SOUND_RATE_HZ // FPS, sound, 60)
    parts = []
    for index, length in enumerate(LENGTHS):
        segment = folder / f"{index}.mp4"
        encode_segment([frames[first : first + length]], segment, first_frame=first)
        (folder / f"{index}.m4s").write_bytes(media_part(segment, sound))
        parts.append((f"{index}.m4s", measure_segment(segment).duration_s))
        first += length
    (folder / "init.mp4").write_bytes(init_part(folder / "0.mp4", sound))
    (folder / "stream.m3u8").write_text(write_playlist(parts, 1.28, True, "init.mp4"))
    return folder


def sound_of(path: Path) -> NDArray[np.float32]:
    pcm = run(["-i", file_url(path), "-map", "0:a:0", "-ac", "1", "-f", "f32le", "pipe:1"], 60)
    return np.frombuffer(pcm, np.float32)


def test_the_stream_has_every_frame_of_the_segments(folder: Path) -> None:
    args = ["-i", file_url(folder / "stream.m3u8"), "-map", "0:v", "-c", "copy", "-f", "framecrc", "pipe:1"]
    streamed = [line.split(",") for line in run(args, 60).decode().splitlines() if not line.startswith("#")]

    assert [int(packet[2]) * FPS // 12_800 for packet in streamed] == list(range(sum(LENGTHS)))


def test_the_stream_sounds_as_the_video_will(folder: Path) -> None:
    streamed, whole = sound_of(folder / "stream.m3u8"), sound_of(folder / "sound.m4a")

    assert len(whole) == sum(LENGTHS) * SOUND_RATE_HZ // FPS
    assert len(whole) <= len(streamed) < len(whole) + PACKET_SAMPLES  # only whole packets are sent
    # the first packet overlaps with one that is not sent; and decoders invent some of the noise themselves
    np.testing.assert_allclose(streamed[PACKET_SAMPLES : len(whole)], whole[PACKET_SAMPLES:], atol=1e-4)
    assert np.abs(whole).max() > 0.1


def test_any_part_plays_right_behind_the_init_part(folder: Path) -> None:
    """As where a person jumps ahead."""
    alone = folder / "alone.mp4"
    alone.write_bytes((folder / "init.mp4").read_bytes() + (folder / "1.m4s").read_bytes())

    frames = read_frames(alone, 0, 100)

    np.testing.assert_array_equal(frames, read_frames(folder / "1.mp4", 0, 100))
    assert len(sound_of(alone)) == pytest.approx(32 * SOUND_RATE_HZ // FPS, abs=PACKET_SAMPLES)


def test_a_segment_says_which_frames_it_holds(folder: Path) -> None:
    assert [measure_segment(folder / f"{index}.mp4") for index in range(3)] == [Span(0, 16), Span(16, 32), Span(48, 7)]


def test_a_segment_of_several_fragments_is_counted_whole(tmp_path: Path) -> None:
    frames = moving_frames(300, 16, 16)  # a new fragment begins with every key frame, of which there is one in 250
    encode_segment([frames], tmp_path / "s.mp4", first_frame=0)
    encode_sound(write_wav(tmp_path / "upload", tone(12.0)), 300 * SOUND_RATE_HZ // FPS, tmp_path / "sound.m4a", 60)

    (tmp_path / "all.mp4").write_bytes(
        init_part(tmp_path / "s.mp4", tmp_path / "sound.m4a") + media_part(tmp_path / "s.mp4", tmp_path / "sound.m4a")
    )

    assert measure_segment(tmp_path / "s.mp4") == Span(0, 300)
    assert len(read_frames(tmp_path / "all.mp4", 0, 1000)) == 300


def test_a_playlist_grows_and_ends() -> None:
    empty = write_playlist([], 3.2, False, "init.mp4")
    growing = write_playlist([("0.m4s", 3.2)], 3.2, False, "init.mp4")
    over = write_playlist([("0.m4s", 3.2), ("1.m4s", 0.52)], 3.2, True, "init.mp4")

    assert growing.startswith(empty)
    assert over.startswith(growing)
    assert "#EXT-X-TARGETDURATION:4" in empty
    assert over.endswith("#EXTINF:0.520,\n1.m4s\n#EXT-X-ENDLIST\n")
    assert "ENDLIST" not in growing


def test_what_is_no_segment_is_told_from_one(tmp_path: Path) -> None:
    (tmp_path / "s.mp4").write_bytes(b"\0\0\1\0moofcut short")

    with pytest.raises(ValueError, match="ends within a box"):
        measure_segment(tmp_path / "s.mp4")
