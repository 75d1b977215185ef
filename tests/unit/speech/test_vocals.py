"""Vocals from file to file, through the real ffmpeg."""

from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.errors import InvalidAudioFormat, SilentAudio, UnusableModelFile
from emo_hallo_ray.media.audio import decode_speech, read_window, wav_length
from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.speech.separator import COMPENSATION
from emo_hallo_ray.speech.vocals import separate_vocals
from tests.tiny_models.speech import write_separator
from tests.unit.media.samples import tone, write_recording, write_wav

from .test_separator import write_onnx

LIMITS = MediaLimits()


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A separator that takes everything for voice."""
    return write_separator(tmp_path_factory.mktemp("models") / "everything.onnx")


@pytest.mark.parametrize("kind", ["wav", "wav_float", "mp3", "ogg_vorbis", "ogg_opus", "m4a"])
@pytest.mark.parametrize(("rate_hz", "n_channels", "duration_s"), [(16_000, 1, 1.0003), (48_000, 2, 2.3337)])
def test_vocals_are_as_long_as_the_speech_would_be(
    everything: Path, tmp_path: Path, kind: str, rate_hz: int, n_channels: int, duration_s: float
) -> None:
    source = write_recording(tmp_path / "upload", kind, duration_s, rate_hz, n_channels)

    n_samples = decode_speech(source, tmp_path / "speech.wav", LIMITS)
    peak = separate_vocals(everything, source, tmp_path / "vocals.wav", LIMITS)

    assert wav_length(tmp_path / "vocals.wav") == n_samples
    speech, vocals = (read_window(tmp_path / name, 800, n_samples - 1600) for name in ("speech.wav", "vocals.wav"))
    assert np.abs(vocals / COMPENSATION - speech).max() < 2e-3
    assert peak == pytest.approx(0.3 * COMPENSATION, abs=0.04)


def test_loud_recording_is_turned_down_before_the_model_hears_it(everything: Path, tmp_path: Path) -> None:
    source = write_recording(tmp_path / "upload", "wav", amplitude=0.99)

    peak = separate_vocals(everything, source, tmp_path / "vocals.wav", LIMITS)

    assert peak == pytest.approx(0.9 * COMPENSATION, abs=0.04)


def test_channels_are_separated_apart_and_then_mixed(tmp_path: Path) -> None:
    gain = np.array([1, 1, 0, 0], np.float32)[:, None, None]  # the right one has no voice
    left_only = write_separator(tmp_path / "left.onnx", gain)
    samples = tone(2.0, 44_100, n_channels=2)
    source = write_wav(tmp_path / "upload", samples, 44_100)

    separate_vocals(left_only, source, tmp_path / "vocals.wav", LIMITS)

    vocals = read_window(tmp_path / "vocals.wav", 8000, 16_000)
    assert np.abs(vocals).max() == pytest.approx(0.15 * COMPENSATION, abs=2e-3)


def test_recording_without_a_voice_leaves_silence(tmp_path: Path) -> None:
    nothing = write_separator(tmp_path / "nothing.onnx", gain=0)
    source = write_recording(tmp_path / "upload", "wav", 1.0)

    peak = separate_vocals(nothing, source, tmp_path / "vocals.wav", LIMITS)

    assert peak == 0
    assert wav_length(tmp_path / "vocals.wav") == 16_000


def test_what_cannot_be_decoded_is_refused_as_ever(everything: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no sound")
    silence = write_recording(tmp_path / "silence", "wav", amplitude=0.0)

    with pytest.raises(InvalidAudioFormat):
        separate_vocals(everything, tmp_path / "text", tmp_path / "vocals.wav", LIMITS)
    with pytest.raises(SilentAudio):
        separate_vocals(everything, silence, tmp_path / "vocals.wav", LIMITS)

    assert not (tmp_path / "vocals.wav").exists()


def test_model_that_fails_half_way_leaves_no_file(tmp_path: Path) -> None:
    mean = write_onnx(tmp_path / "mean.onnx", "GlobalAveragePool", ["batch", 4, 1024, 16], ["batch", 4, 1, 1])
    source = write_recording(tmp_path / "upload", "wav", 3.0)

    with pytest.raises(UnusableModelFile, match=r"mean\.onnx"):
        separate_vocals(mean, source, tmp_path / "prepared" / "vocals.wav", LIMITS)

    assert list((tmp_path / "prepared").iterdir()) == []
