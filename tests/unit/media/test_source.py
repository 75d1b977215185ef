from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.errors import UnreadableVideo
from emo_hallo_ray.media.ffmpeg import file_url, run
from emo_hallo_ray.media.source import decode_frames, probe_source

from .films import X264, numbers, write_film
from .samples import write_recording

VP9 = ("-c:v", "libvpx-vp9", "-lossless", "1", "-pix_fmt", "yuv420p", "-cpu-used", "8")


def decode_numbers(path: Path) -> list[int]:
    return [number for block in decode_frames(probe_source(path)) for number in numbers(block)]


def matrix(a: int, b: int, c: int, d: int) -> bytes:
    """How MP4 writes a rotation."""
    numbers = (a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    return b"".join(number.to_bytes(4, signed=True) for number in numbers)


@pytest.mark.parametrize(
    ("name", "rate", "video"),
    [
        ("film.mp4", "24", X264),
        ("film.mp4", "24000/1001", X264),
        ("film.mov", "30000/1001", X264),
        ("film.mkv", "60", X264),
        ("film.webm", "25", VP9),
        ("film.avi", "15", ("-c:v", "mpeg4", "-q:v", "2")),
        ("film.ts", "24000/1001", X264),
        ("film.mkv", "24000/1001", ("-c:v", "ffv1", "-pix_fmt", "yuv444p10le")),
        ("film.mov", "24", ("-c:v", "qtrle", "-pix_fmt", "argb")),
    ],
    ids=["mp4", "ntsc", "mov", "mkv", "webm", "avi", "mpeg-ts", "10 bits", "alpha"],
)
def test_every_frame_of_every_container_comes_once(
    tmp_path: Path, name: str, rate: str, video: tuple[str, ...]
) -> None:
    path = write_film(tmp_path / name, 30, rate=rate, video=video)

    source = probe_source(path)

    assert (source.fps, source.n_frames) == (Fraction(rate), 30)
    assert source.duration_s == pytest.approx(30 / Fraction(rate), abs=0.002)
    assert (source.width_px, source.height_px, source.has_sound) == (64, 48, False)
    assert decode_numbers(path) == list(range(30))


def test_full_range_and_odd_sides_stay_as_they_are(tmp_path: Path) -> None:
    video = ("-c:v", "mjpeg", "-q:v", "1", "-pix_fmt", "yuvj444p", "-color_range", "pc")
    path = write_film(tmp_path / "odd.mov", 6, size=(63, 49), video=video)

    blocks = list(decode_frames(probe_source(path)))

    assert blocks[0].shape == (6, 49, 63, 3)
    assert numbers(blocks[0]) == list(range(6))


def test_colours_are_those_that_the_tags_say(tmp_path: Path) -> None:
    tagged = "scale=out_color_matrix=bt709:out_range=tv,format=yuv444p,setparams=range=tv:colorspace=bt709"
    args = ["-f", "lavfi", "-i", "color=c=0x20c040:s=64x64:d=0.1:r=25,format=rgb24", "-vf", tagged, "-c:v", "libx264"]
    run([*args, "-qp", "1", file_url(tmp_path / "green.mp4")], 30)

    frame = next(decode_frames(probe_source(tmp_path / "green.mp4")))[0]

    assert np.abs(frame.astype(int) - (0x20, 0xC0, 0x40)).max() <= 3


def test_a_phones_video_is_upright(tmp_path: Path) -> None:
    film = write_film(tmp_path / "upright.mp4", 4).read_bytes()
    track = film.index(b"tkhd")
    turned = film[track:].replace(matrix(1, 0, 0, 1), matrix(0, 1, -1, 0), 1)
    (tmp_path / "phone.mp4").write_bytes(film[:track] + turned)

    source = probe_source(tmp_path / "phone.mp4")

    assert (source.width_px, source.height_px) == (48, 64)
    assert next(decode_frames(source)).shape == (4, 64, 48, 3)


def test_a_variable_rate_becomes_constant_and_loses_no_frame(tmp_path: Path) -> None:
    path = write_film(tmp_path / "cfr.mp4", 30, rate="30")
    late = "setpts='(N+if(gte(N,10),5,0)+if(gte(N,20),7,0))/30/TB'"
    args = ["-i", file_url(path), "-vf", late, *X264, file_url(tmp_path / "vfr.mkv")]
    run(args, 30)

    source = probe_source(tmp_path / "vfr.mkv")
    shown = decode_numbers(tmp_path / "vfr.mkv")

    assert set(shown) == set(range(30))
    assert shown == sorted(shown)
    assert len(shown) == pytest.approx(source.n_frames, abs=2)
    assert len(shown) / source.fps == pytest.approx(42 / 30, abs=0.05)


def test_pixels_that_are_not_square_are_told(tmp_path: Path) -> None:
    path = write_film(tmp_path / "wide.mp4", 2, video=("-vf", "setsar=4/3", *X264))

    assert probe_source(path).pixel_aspect == Fraction(4, 3)


def test_blocks_are_as_small_as_wished(tmp_path: Path) -> None:
    source = probe_source(write_film(tmp_path / "film.mp4", 7))

    lengths = [len(block) for block in decode_frames(source, block_bytes=3 * 64 * 48 * 3)]

    assert lengths == [3, 3, 1]
    assert [len(block) for block in decode_frames(source, block_bytes=1)] == [1] * 7


def test_frames_can_be_written_to(tmp_path: Path) -> None:
    assert next(decode_frames(probe_source(write_film(tmp_path / "film.mp4", 2)))).flags.writeable


def test_sound_tracks_are_listed_with_their_starts(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mkv", sound=("-c:a", "flac"), sound_delay_s=0.25)

    (track,) = probe_source(path).sound

    assert track.codec == "flac"
    assert float(track.start_s) == pytest.approx(0.25, abs=0.002)


def test_recordings_that_start_again_on_the_way_are_read_to_their_end(tmp_path: Path) -> None:
    """As television is: the clock jumps back, and the picture has another size."""
    first = write_film(tmp_path / "first.ts", 10)
    second = write_film(tmp_path / "second.ts", 10, size=(96, 64))
    (tmp_path / "both.ts").write_bytes(first.read_bytes() + second.read_bytes())

    assert decode_numbers(tmp_path / "both.ts") == [*range(10), *range(10)]


def test_frames_that_an_edit_list_cuts_off_are_not_shown(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", 40, video=(*X264, "-g", "10"))
    run(["-ss", "0.6", "-i", file_url(film), "-c", "copy", file_url(tmp_path / "cut.mp4")], 30)

    shown = decode_numbers(tmp_path / "cut.mp4")

    assert shown == list(range(40))[-len(shown) :]
    assert 20 < len(shown) == probe_source(tmp_path / "cut.mp4").n_frames < 30


def test_tags_are_those_of_the_film_and_not_of_its_chapters(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4")
    chapter = "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=One\n"
    (tmp_path / "tags").write_text(f";FFMETADATA1\ntitle=Whole\n{chapter}")
    args = ["-i", file_url(film), "-i", file_url(tmp_path / "tags"), "-map_metadata", "1", "-c", "copy"]
    run([*args, file_url(tmp_path / "chapters.mkv")], 30)

    assert probe_source(tmp_path / "chapters.mkv").tags["title"] == "Whole"


def test_what_is_there_of_a_cut_file_is_decoded(tmp_path: Path) -> None:
    whole = write_film(tmp_path / "whole.mkv", 40, video=("-c:v", "ffv1")).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])

    shown = decode_numbers(tmp_path / "cut.mkv")

    assert 10 < len(shown) < 30
    assert shown == list(range(len(shown)))


@pytest.mark.parametrize(
    "kind", ["text", "empty", "song", "index cut off", "playlist", "concat list", "folder of frames"]
)
def test_what_is_no_video_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "film.mp4"
    film = write_film(tmp_path / "film.ts", 10)
    match kind:
        case "text":
            path.write_text("To be or not to be, that is the question.\n" * 50)
        case "empty":
            path.write_bytes(b"")
        case "song":
            write_recording(path, "m4a")
        case "index cut off":
            path.write_bytes(write_film(path).read_bytes()[:600])
        case "playlist":
            path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\n{film}\n#EXT-X-ENDLIST\n")
        case "concat list":
            path.write_text(f"ffconcat version 1.0\nfile {film.name}\n")
        case _:
            path = tmp_path / "%d.png"
            run(["-i", file_url(film), "-frames:v", "1", file_url(tmp_path / "1.png")], 30)

    with pytest.raises(UnreadableVideo, match=r"is not a video that can be read|has no frame"):
        probe_source(path)
