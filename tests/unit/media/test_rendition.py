from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.media.ffmpeg import file_url, run
from emo_hallo_ray.media.frames import Frames
from emo_hallo_ray.media.probe import probe_video
from emo_hallo_ray.media.rendition import write_rendition
from emo_hallo_ray.media.source import decode_frames, probe_source

from .films import numbers, sound_lag_s, sound_md5, write_film


def copy_film(film: Path, path: Path) -> list[int]:
    """Write a film anew and read the numbers of its frames."""
    source = probe_source(film)
    write_rendition(decode_frames(source), path, source, comment="copied")
    return [number for block in decode_frames(probe_source(path)) for number in numbers(block)]


@pytest.mark.parametrize(
    ("name", "codec", "sound"),
    [
        ("in.mp4", "aac", ("-c:a", "aac")),
        ("in.ts", "aac", ("-c:a", "aac")),
        ("in.mp4", "mp3", ("-c:a", "libmp3lame")),
        ("in.mkv", "ac3", ("-c:a", "ac3")),
        ("in.mkv", "opus", ("-c:a", "libopus")),
        ("in.mov", "alac", ("-c:a", "alac")),
        ("in.mkv", "flac", ("-c:a", "flac")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_sound_that_mp4_players_know_is_copied_bit_by_bit(
    tmp_path: Path, name: str, codec: str, sound: tuple[str, ...]
) -> None:
    film = write_film(tmp_path / name, 24, rate="24000/1001", sound=sound)

    shown = copy_film(film, tmp_path / "out.mp4")

    made = probe_video(tmp_path / "out.mp4")
    assert shown == list(range(24))
    assert (made.audio_codec, made.fps) == (codec, pytest.approx(24000 / 1001, abs=1e-6))
    if name != "in.ts":  # whose packets carry the headers that MP4 keeps in one place
        assert sound_md5(tmp_path / "out.mp4") == sound_md5(film)


@pytest.mark.parametrize("sound", [("-c:a", "libvorbis"), ("-c:a", "pcm_s16le")], ids=["vorbis", "pcm"])
def test_other_sound_becomes_aac_of_the_same_length(tmp_path: Path, sound: tuple[str, ...]) -> None:
    film = write_film(tmp_path / "in.mkv", 48, sound=sound)

    copy_film(film, tmp_path / "out.mp4")

    made = probe_video(tmp_path / "out.mp4")
    assert made.audio_codec == "aac"
    assert made.audio_duration_s == pytest.approx(2.0, abs=0.03)


@pytest.mark.parametrize("codec", ["aac", "libopus", "pcm_s16le"])
@pytest.mark.parametrize("delay_s", [0.0, 0.4], ids=["together", "sound later"])
def test_sound_keeps_its_place_in_time(tmp_path: Path, codec: str, delay_s: float) -> None:
    film = write_film(tmp_path / "in.mkv", 48, sound=("-c:a", codec), sound_delay_s=delay_s)

    copy_film(film, tmp_path / "out.mp4")

    assert sound_lag_s(tmp_path / "out.mp4", film) == pytest.approx(0, abs=0.002)


@pytest.mark.parametrize("name", ["in.ts", "in.mkv"])
def test_sound_from_before_the_picture_is_kept_and_in_time(tmp_path: Path, name: str) -> None:
    film = write_film(tmp_path / "both.mkv", 40, sound=("-c:a", "aac"))
    args = [*("-i", file_url(film), "-itsoffset", "0.5", "-i", file_url(film), "-map", "0:a", "-map", "1:v")]
    run([*args, "-c", "copy", file_url(tmp_path / name)], 30)

    shown = copy_film(tmp_path / name, tmp_path / "out.mp4")

    old, new = probe_source(tmp_path / name), probe_source(tmp_path / "out.mp4")
    assert shown == list(range(40))
    assert float(old.start_s - old.sound[0].start_s) > 0.45
    assert float((new.start_s - new.sound[0].start_s) - (old.start_s - old.sound[0].start_s)) == pytest.approx(
        0, abs=0.001
    )


def test_sound_that_an_edit_list_cuts_off_stays_unheard(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", 40, video=("-g", "10"), sound=("-c:a", "aac"))
    run(["-ss", "0.6", "-i", file_url(film), "-c", "copy", file_url(tmp_path / "cut.mp4")], 30)

    copy_film(tmp_path / "cut.mp4", tmp_path / "out.mp4")

    assert probe_source(tmp_path / "out.mp4").start_s == 0
    assert sound_lag_s(tmp_path / "out.mp4", tmp_path / "cut.mp4") == pytest.approx(0, abs=0.002)


@pytest.mark.parametrize("sound_s", [0.5, 3.0], ids=["shorter", "longer"])
def test_sound_of_another_length_than_the_picture_keeps_it(tmp_path: Path, sound_s: float) -> None:
    film = write_film(tmp_path / "in.mp4", 24, sound=("-c:a", "aac"), sound_s=sound_s)

    copy_film(film, tmp_path / "out.mp4")

    made = probe_video(tmp_path / "out.mp4")
    assert (made.n_frames, made.audio_duration_s) == (24, pytest.approx(sound_s, abs=0.03))


def test_a_silent_film_stays_silent(tmp_path: Path) -> None:
    copy_film(write_film(tmp_path / "in.mp4"), tmp_path / "out.mp4")

    assert probe_video(tmp_path / "out.mp4").audio_codec is None


def test_all_sound_tracks_come_along(tmp_path: Path) -> None:
    film = write_film(tmp_path / "one.mkv", sound=("-c:a", "aac"))
    args = ["-i", file_url(film), "-map", "0", "-map", "0:a", "-c", "copy", "-c:a:1", "pcm_s16le"]
    run([*args, file_url(tmp_path / "two.mkv")], 30)

    copy_film(tmp_path / "two.mkv", tmp_path / "out.mp4")

    assert [track.codec for track in probe_source(tmp_path / "out.mp4").sound] == ["aac", "aac"]


def test_tags_stay_and_the_comment_grows(tmp_path: Path) -> None:
    film = write_film(tmp_path / "in.mp4", video=("-metadata", "title=A", "-metadata", "comment=AI-generated"))

    copy_film(film, tmp_path / "out.mp4")

    tags = probe_source(tmp_path / "out.mp4").tags
    assert (tags["title"], tags["comment"]) == ("A", "AI-generated; copied")


def test_pixels_keep_their_shape(tmp_path: Path) -> None:
    film = write_film(tmp_path / "in.mp4", video=("-vf", "setsar=4/3"))

    copy_film(film, tmp_path / "out.mp4")

    assert probe_source(tmp_path / "out.mp4").pixel_aspect == probe_source(film).pixel_aspect


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (np.zeros((0, 8, 8, 3), np.uint8), "at least one frame"),
        (np.zeros((1, 8, 7, 3), np.uint8), "even sides"),
    ],
    ids=["none", "odd"],
)
def test_frames_that_make_no_video_leave_no_file(tmp_path: Path, block: Frames, message: str) -> None:
    source = probe_source(write_film(tmp_path / "in.mp4"))

    with pytest.raises(ValueError, match=message):
        write_rendition([block], tmp_path / "out" / "out.mp4", source, comment="")

    assert not (tmp_path / "out" / "out.mp4").exists()
