import random
import subprocess
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.errors import (
    AudioTooLong,
    AudioTooShort,
    EmptyFile,
    InputError,
    InvalidAudioFormat,
    MediaToolFailed,
    NoAudioStream,
    SilentAudio,
    UnreadableAudio,
)
from emo_hallo_ray.media.audio import SAMPLE_RATE_HZ, decode_speech, inspect_audio, iter_blocks, read_window
from emo_hallo_ray.media.ffmpeg import file_url, run
from emo_hallo_ray.media.limits import MediaLimits

from .samples import ENCODERS, chunk, tone, write_float_wav, write_recording, write_wav

LIMITS = MediaLimits()
LOSSY_SLACK_S = 0.16  # codecs round up to whole frames where the container cannot say otherwise


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize(
    ("rate_hz", "n_channels"), [(8_000, 1), (44_100, 2), (48_000, 6)], ids=["8k mono", "44k1 stereo", "48k 5.1"]
)
def test_every_format_rate_and_layout_is_measured(tmp_path: Path, kind: str, rate_hz: int, n_channels: int) -> None:
    if kind.startswith("mp3") and n_channels > 2:
        pytest.skip("MP3 has two channels at most")
    path = write_recording(tmp_path / "x", kind, 1.0, rate_hz, n_channels)

    info = inspect_audio(path, LIMITS)

    assert info.duration_s == pytest.approx(1.0, abs=LOSSY_SLACK_S)
    assert info.channel_layout.startswith({1: "mono", 2: "stereo", 6: "5.1"}[n_channels])
    assert info.sample_rate_hz == (48_000 if kind == "ogg_opus" else rate_hz)
    assert info.peak == pytest.approx(0.3, rel=0.25)
    assert info.rms_dbfs == pytest.approx(20 * np.log10(0.3 / np.sqrt(2)), abs=3.0)


def test_codec_and_container_are_named(tmp_path: Path) -> None:
    info = inspect_audio(write_recording(tmp_path / "x", "m4a"), LIMITS)

    assert (info.audio_format.name, info.codec) == ("M4A", "aac")


def test_decoded_speech_is_the_recording_sample_by_sample(tmp_path: Path) -> None:
    samples = tone(2.5)
    path = write_wav(tmp_path / "x", samples)

    n_samples = decode_speech(path, tmp_path / "speech.wav", LIMITS)

    with wave.open(str(tmp_path / "speech.wav")) as wav:
        assert wav.getparams()[:4] == (1, 2, SAMPLE_RATE_HZ, len(samples))
        assert n_samples == len(samples)
        assert wav.readframes(n_samples) == samples.astype("<i2").tobytes()


@pytest.mark.parametrize("kind", ["wav", "mp3", "ogg_vorbis", "ogg_opus", "m4a"])
def test_decoded_speech_is_in_time_with_the_recording(tmp_path: Path, kind: str) -> None:
    burst = np.zeros((44_100, 2), np.int16)
    burst[22_050:26_460] = tone(0.1, 44_100, 2)
    source = write_wav(tmp_path / "burst.wav", burst, 44_100)
    run(["-f", "wav", "-i", file_url(source), *ENCODERS[kind], file_url(tmp_path / "x")], 30)

    decode_speech(tmp_path / "x", tmp_path / "speech.wav", LIMITS)

    loud = np.flatnonzero(np.abs(read_window(tmp_path / "speech.wav", 0, 16_000)) > 0.15)
    assert loud[0] / SAMPLE_RATE_HZ == pytest.approx(0.5, abs=0.005)
    assert loud[-1] / SAMPLE_RATE_HZ == pytest.approx(0.6, abs=0.005)


def test_a_failed_decode_leaves_nothing_behind(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "x", tone(0.05))

    with pytest.raises(AudioTooShort):
        decode_speech(path, tmp_path / "out" / "speech.wav", LIMITS)

    assert list((tmp_path / "out").iterdir()) == []


def test_loud_floats_are_clipped_not_wrapped(tmp_path: Path) -> None:
    path = write_float_wav(tmp_path / "x", np.linspace(-1.5, 1.5, 16_000, dtype=np.float32))

    decode_speech(path, tmp_path / "speech.wav", LIMITS)

    samples = read_window(tmp_path / "speech.wav", 0, 16_000)
    assert inspect_audio(path, LIMITS).peak == pytest.approx(1.5)
    assert (samples[0], samples[-1]) == (-1.0, pytest.approx(1.0, abs=1e-4))


@pytest.fixture(scope="module")
def ramp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("ramp") / "x.wav", np.arange(1, 1001, dtype=np.int16)[:, None])


@pytest.mark.parametrize("start", [-2000, -100, -1, 0, 1, 500, 999, 1000, 5000])
@pytest.mark.parametrize("n_samples", [0, 1, 100, 3000])
def test_outside_the_file_there_is_silence(ramp: Path, start: int, n_samples: int) -> None:
    padded = np.zeros(12_000, np.float32)
    padded[3000:4000] = np.arange(1, 1001) / 32768

    window = read_window(ramp, start, n_samples)

    assert window.dtype == np.float32
    np.testing.assert_array_equal(window, padded[3000 + start :][:n_samples])


@pytest.mark.parametrize("block_samples", [1, 333, 1000, 4096])
def test_blocks_add_up_to_the_file(ramp: Path, block_samples: int) -> None:
    blocks = list(iter_blocks(ramp, block_samples))

    assert {len(block) for block in blocks[:-1]} <= {block_samples}
    np.testing.assert_array_equal(np.concatenate(blocks), read_window(ramp, 0, 1000))


def test_no_bytes(tmp_path: Path) -> None:
    (tmp_path / "x.wav").touch()

    with pytest.raises(EmptyFile):
        inspect_audio(tmp_path / "x.wav", LIMITS)


def test_no_recording(tmp_path: Path) -> None:
    (tmp_path / "x.mp3").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n")

    with pytest.raises(InvalidAudioFormat, match="playlist") as caught:
        inspect_audio(tmp_path / "x.mp3", LIMITS)

    assert caught.value.detail == "Invalid audio file format"


@pytest.mark.parametrize(("muxer", "encoder"), [("mp4", "libx264"), ("ogg", "libtheora")])
def test_a_video_without_sound(tmp_path: Path, muxer: str, encoder: str) -> None:
    source = ["-f", "lavfi", "-i", "testsrc=size=32x32:duration=0.2"]
    run([*source, "-c:v", encoder, "-pix_fmt", "yuv420p", "-f", muxer, file_url(tmp_path / "x")], 30)

    with pytest.raises(NoAudioStream):
        inspect_audio(tmp_path / "x", LIMITS)


def test_the_sound_of_a_video_is_taken(tmp_path: Path) -> None:
    sources = ["-f", "lavfi", "-i", "testsrc=size=32x32:duration=1", "-f", "lavfi", "-i", "sine=duration=1"]
    run([*sources, "-pix_fmt", "yuv420p", "-f", "mp4", file_url(tmp_path / "x")], 30)

    assert inspect_audio(tmp_path / "x", LIMITS).duration_s == pytest.approx(1.0, abs=LOSSY_SLACK_S)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000])
def test_a_tenth_of_a_second_is_enough(tmp_path: Path, rate_hz: int) -> None:
    path = write_wav(tmp_path / "x", tone(0.1, rate_hz), rate_hz)

    assert inspect_audio(path, LIMITS).duration_s == pytest.approx(0.1, abs=0.001)


@pytest.mark.parametrize("duration_s", [0.0, 0.001, 0.09])
def test_less_is_too_short(tmp_path: Path, duration_s: float) -> None:
    with pytest.raises(AudioTooShort, match=f"{duration_s:.3f} s .at least 0.1 s"):
        inspect_audio(write_wav(tmp_path / "x", tone(duration_s)), LIMITS)


def test_decoding_stops_where_a_recording_gets_too_long(tmp_path: Path) -> None:
    source = ["-f", "lavfi", "-i", "anoisesrc=r=8000:d=36000:a=0.1"]
    run([*source, "-c:a", "adpcm_ima_wav", "-f", "wav", "-t", "3600", file_url(tmp_path / "x")], 60)
    started = time.monotonic()

    with pytest.raises(AudioTooLong, match="longer than 20 s"):
        inspect_audio(tmp_path / "x", MediaLimits(max_audio_s=20))

    assert time.monotonic() - started < 1


def test_exactly_the_longest_is_accepted(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "x", tone(2.0, 44_100), 44_100)

    assert inspect_audio(path, MediaLimits(max_audio_s=2.0)).duration_s == pytest.approx(2.0, abs=0.001)


@pytest.mark.parametrize("amplitude", [0.0, 1 / 32767, 0.0005])
def test_silence(tmp_path: Path, amplitude: float) -> None:
    with pytest.raises(SilentAudio):
        inspect_audio(write_wav(tmp_path / "x", tone(1.0, amplitude=amplitude)), LIMITS)


def test_quiet_speech_is_not_silence(tmp_path: Path) -> None:
    assert inspect_audio(write_wav(tmp_path / "x", tone(1.0, amplitude=0.003)), LIMITS).peak < 0.004


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    samples = tone(1.0)[:, 0].astype(np.float32) / 32768
    samples[8000] = value

    with pytest.raises(UnreadableAudio, match="not numbers"):
        inspect_audio(write_float_wav(tmp_path / "x", samples), LIMITS)


def test_integers_stored_as_floats(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAudio, match="times full scale"):
        inspect_audio(write_float_wav(tmp_path / "x", tone(1.0)[:, 0].astype(np.float32)), LIMITS)


@pytest.mark.parametrize("kind", [kind for kind in ENCODERS if kind != "mp3_bare"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_truncated_recording(tmp_path: Path, kind: str, share: float) -> None:
    whole = write_recording(tmp_path / "x", kind, duration_s=10.0).read_bytes()
    (tmp_path / "x").write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(UnreadableAudio, match=r"cut off|damaged"):
        inspect_audio(tmp_path / "x", LIMITS)


@pytest.mark.parametrize("kind", ["ogg_vorbis", "ogg_opus", "m4a", "m4a_faststart"])
def test_a_recording_with_a_hole_full_of_noise(tmp_path: Path, kind: str) -> None:
    data = bytearray(write_recording(tmp_path / "x", kind, duration_s=10.0).read_bytes())
    first, last = len(data) // 3, len(data) * 2 // 3
    data[first:last] = np.random.default_rng(0).bytes(last - first)
    (tmp_path / "x").write_bytes(data)

    with pytest.raises(UnreadableAudio):
        inspect_audio(tmp_path / "x", LIMITS)


def test_a_flipped_bit_that_would_cost_a_page_of_sound(tmp_path: Path) -> None:
    data = bytearray(write_recording(tmp_path / "x", "ogg_opus", duration_s=10.0).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "x").write_bytes(data)

    with pytest.raises(UnreadableAudio, match="page"):
        inspect_audio(tmp_path / "x", LIMITS)


def test_a_chain_of_recordings_is_read_to_its_end(tmp_path: Path) -> None:
    part = write_recording(tmp_path / "x", "ogg_vorbis", 1.0).read_bytes()
    (tmp_path / "x").write_bytes(part * 2)

    assert inspect_audio(tmp_path / "x", LIMITS).duration_s == pytest.approx(2.0, abs=LOSSY_SLACK_S)


@pytest.mark.parametrize("kind", ["mp3", "ogg_vorbis", "m4a"])
def test_tags_behind_a_recording_do_no_harm(tmp_path: Path, kind: str) -> None:
    path = write_recording(tmp_path / "x", kind)
    path.write_bytes(path.read_bytes() + b"TAG" + b"\xfe" * 125)

    assert inspect_audio(path, LIMITS).duration_s == pytest.approx(1.0, abs=LOSSY_SLACK_S)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF], ids=hex)
def test_a_wav_written_to_a_pipe_does_not_know_its_length(tmp_path: Path, size: int) -> None:
    whole = write_wav(tmp_path / "x", tone(1.0)).read_bytes()
    (tmp_path / "x").write_bytes(whole[:40] + size.to_bytes(4, "little") + whole[44:])

    assert inspect_audio(tmp_path / "x", LIMITS).duration_s == 1.0


@pytest.mark.parametrize(
    "content",
    [
        b"RIFF\xff\0\0\0WAVEThis is no sound at all, only text behind a header.",
        b"RIFF\xff\0\0\0WAVE" + chunk(b"fmt ", bytes(16)) + chunk(b"data", bytes(32_000)),
        b"RIFF\xff\0\0\0WAVE" + chunk(b"data", b"\x01\x7f" * 16_000),
        b"OggS\0" + bytes(1000),
        b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42",
        b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42\0\0\0\1mdat" + b"\xff" * 24,
        b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42\0\0\x10\0moov" + bytes(4096),
    ],
    ids=["text", "no format", "no fmt chunk", "empty page", "ftyp only", "endless box", "hollow moov"],
)
def test_a_header_with_nothing_behind_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)

    with pytest.raises(UnreadableAudio):
        inspect_audio(tmp_path / "x", LIMITS)


def test_a_machine_that_is_too_slow_does_not_blame_the_file(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "x", tone(1.0))

    with pytest.raises(MediaToolFailed, match="did not finish"):
        inspect_audio(path, MediaLimits(tool_timeout_s=0.0))


def test_damaged_recordings_raise_nothing_but_our_errors(tmp_path: Path) -> None:
    rng = random.Random(7)
    wholes = [write_recording(tmp_path / "x", kind, 0.3).read_bytes() for kind in ("wav", "mp3", "ogg_opus", "m4a")]

    for i in range(60):
        data = bytearray(wholes[i % len(wholes)])
        for _ in range(rng.choice([1, 4, 30])):
            data[rng.randrange(min(len(data), rng.choice([60, 10_000])))] ^= 1 << rng.randrange(8)
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)) :]
        (tmp_path / "x").write_bytes(data or b"\0")
        try:
            assert inspect_audio(tmp_path / "x", LIMITS).n_samples > 0
        except InputError as error:
            assert error.code != InputError.code


def test_memory_does_not_grow_with_the_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    original = np.frombuffer

    def measured(buffer: bytes, dtype: str) -> np.ndarray:  # type: ignore[type-arg]
        nonlocal largest
        largest = max(largest, len(buffer))
        return original(buffer, dtype)

    monkeypatch.setattr(np, "frombuffer", measured)
    source = ["-f", "lavfi", "-i", "anoisesrc=r=8000:d=600:a=0.1"]
    run([*source, "-f", "wav", file_url(tmp_path / "x")], 60)

    decode_speech(tmp_path / "x", tmp_path / "speech.wav", LIMITS)
    n_samples = sum(len(block) for block in iter_blocks(tmp_path / "speech.wav"))

    assert n_samples == 600 * SAMPLE_RATE_HZ
    assert largest <= 1024 * 1024


def test_no_process_is_left_when_a_recording_is_refused_midway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    processes: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def recorded(*args: object, **options: object) -> subprocess.Popen[bytes]:
        processes.append(start(*args, **options))  # type: ignore[call-overload]
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", recorded)
    run(["-f", "lavfi", "-i", "anoisesrc=r=48000:d=300:a=0.1", "-f", "wav", file_url(tmp_path / "x")], 60)

    with pytest.raises(AudioTooLong):
        inspect_audio(tmp_path / "x", MediaLimits(max_audio_s=1))

    assert all(process.returncode is not None for process in processes)
