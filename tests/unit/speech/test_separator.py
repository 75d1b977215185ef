"""Separation over tiny models: nothing lost or shifted, the same wherever blocks end, and errors that name the file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from emo_hallo_ray.errors import OutOfMemory, UnusableModelFile
from emo_hallo_ray.speech.separator import COMPENSATION, VocalSeparator
from emo_hallo_ray.speech.spectrogram import HOP_SAMPLES, Waves
from tests.tiny_models.speech import write_separator

N_BINS, N_FRAMES = 1024, 16
N_FFT = 2560
CHUNK = HOP_SAMPLES * (N_FRAMES - 1)


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> VocalSeparator:
    """As many bins as Kim_Vocal_2 has, a quarter of its frames."""
    path = tmp_path_factory.mktemp("models") / "identity.onnx"
    return VocalSeparator(write_separator(path, n_bins=3072, n_frames=64))


def tones(n_samples: int) -> Waves:
    """Two channels of what every model hears: nothing below the silenced bins, nothing above the last."""
    times_s = np.arange(n_samples) / 44_100
    fade = np.minimum(1, np.minimum(np.arange(n_samples), np.arange(n_samples)[::-1]) / 2000)
    pitches_hz = ((440, 3000), (1000, 9000))
    return (
        np.stack([sum(np.sin(2 * np.pi * pitch * times_s) for pitch in pitches) for pitches in pitches_hz]) * fade * 0.4
    ).astype(np.float32)


def separate(separator: VocalSeparator, waves: Waves, block: int) -> Waves:
    blocks = (waves[:, start : start + block] for start in range(0, waves.shape[1], block))
    return np.concatenate(list(separator.separate(blocks)), axis=1)


@pytest.mark.parametrize("n_samples", [10_000, 63 * HOP_SAMPLES, 63 * HOP_SAMPLES + 1, 200_077])
@pytest.mark.parametrize("block", [1777, 300_000])
def test_model_that_keeps_everything_gives_the_recording_back(
    identity: VocalSeparator, n_samples: int, block: int
) -> None:
    waves = tones(n_samples)

    vocals = separate(identity, waves, block)

    assert vocals.shape == waves.shape
    # what is left is rumble of the kinks at the chunks' mirrored ends, in the bins that are silenced
    assert np.abs(vocals / np.float32(COMPENSATION) - waves).max() < 1e-4


@pytest.mark.parametrize("n_samples", [100, 3000, 2 * CHUNK, 4 * CHUNK + 4321])
def test_stream_is_separated_as_audio_separator_separates_a_file(tmp_path: Path, n_samples: int) -> None:
    """The model treats every frame of a chunk differently, so that chunks and fades have to lie where they should."""
    gain = np.random.default_rng(1).uniform(0.2, 1.0, (4, N_BINS, N_FRAMES)).astype(np.float32)
    separator = VocalSeparator(write_separator(tmp_path / "uneven.onnx", gain, N_BINS, N_FRAMES))
    waves = np.random.default_rng(2).standard_normal((2, n_samples)).astype(np.float32) * 0.2

    vocals = separate(separator, waves, 5000)

    assert np.abs(vocals - whole_file(waves, gain)).max() < 1e-5


def test_no_more_than_two_chunks_are_held(identity: VocalSeparator) -> None:
    n_given, n_taken, lag = 0, 0, 0

    def blocks() -> Iterator[Waves]:
        nonlocal n_given
        for _ in range(50):
            n_given += 4096
            yield np.zeros((2, 4096), np.float32)

    for done in identity.separate(blocks()):
        lag = max(lag, n_given - n_taken)
        n_taken += done.shape[1]

    assert n_taken == 50 * 4096
    assert lag < 2 * identity.n_chunk_samples


def test_nothing_in_nothing_out(identity: VocalSeparator) -> None:
    assert sum(block.shape[1] for block in identity.separate([])) == 0


@pytest.mark.parametrize(
    ("shapes", "problem"),
    [
        ((["batch", 2, N_BINS, N_FRAMES],) * 2, "reads float"),
        ((["batch", 4, "bins", N_FRAMES],) * 2, "reads float"),
        ((["batch", 4, 64, N_FRAMES],) * 2, "too small"),
        ((["batch", 4, N_BINS, 4],) * 2, "too small"),
    ],
    ids=["channels", "dynamic size", "bins", "frames"],
)
def test_another_model_is_refused_when_it_is_opened(
    tmp_path: Path, shapes: tuple[list[object], list[object]], problem: str
) -> None:
    model = write_onnx(tmp_path / "separators" / "other.onnx", "Identity", *shapes)

    with pytest.raises(UnusableModelFile, match=rf"separators/other\.onnx cannot be used.*{problem}"):
        VocalSeparator(model)


def test_model_that_makes_something_else_is_refused(tmp_path: Path) -> None:
    shape = ["batch", 4, N_BINS, N_FRAMES]
    model = write_onnx(tmp_path / "separators" / "mean.onnx", "GlobalAveragePool", shape, ["batch", 4, 1, 1])

    with pytest.raises(UnusableModelFile, match=r"mean\.onnx cannot be used: it makes \[1, 4, 1, 1\]"):
        separate(VocalSeparator(model), tones(1000), 1000)


@pytest.mark.parametrize("damage", ["missing", "empty", "cut short", "text"])
def test_damaged_file_is_named_with_what_mends_it(tmp_path: Path, damage: str) -> None:
    model = write_separator(tmp_path / "audio_separator" / "Kim_Vocal_2.onnx", np.ones((4, N_BINS, N_FRAMES)))
    content = model.read_bytes()
    match damage:
        case "missing":
            model.unlink()
        case "empty":
            model.write_bytes(b"")
        case "cut short":
            model.write_bytes(content[: len(content) // 2])
        case _:
            model.write_text("version https://git-lfs.github.com/spec/v1\n")

    with pytest.raises(UnusableModelFile, match=r"audio_separator/Kim_Vocal_2\.onnx cannot be used") as caught:
        VocalSeparator(model)

    assert caught.value.hint == "run: emo-hallo models download"
    assert str(tmp_path) not in str(caught.value)


def whole_file(mix: Waves, gain: np.ndarray) -> Waves:
    """What audio-separator does to a file, as its description says, all at once and with torch's transforms."""
    trim, step = N_FFT // 2, int(0.75 * CHUNK)
    n_samples = mix.shape[1]
    inner = CHUNK - 2 * trim
    padded = np.pad(mix, ((0, 0), (trim, inner + trim - n_samples % inner)))
    total, weight = np.zeros(padded.shape), np.zeros(padded.shape[1])
    window = torch.hann_window(N_FFT)
    for start in range(0, padded.shape[1], step):
        piece = padded[:, start : start + CHUNK]
        size = piece.shape[1]
        chunk = torch.from_numpy(np.pad(piece, ((0, 0), (0, CHUNK - size))))
        bins = torch.stft(chunk, N_FFT, HOP_SAMPLES, window=window, return_complex=True)
        bins[:, N_BINS:] = 0
        bins[:, :3] = 0
        scale = torch.from_numpy(gain)
        made = torch.complex(bins.real[:, :N_BINS] * scale[0::2], bins.imag[:, :N_BINS] * scale[1::2])
        bins = torch.cat([made, torch.zeros_like(bins[:, N_BINS:])], dim=1)
        vocals = torch.istft(bins, N_FFT, HOP_SAMPLES, window=window).numpy()
        fade = np.hanning(size)
        total[:, start : start + CHUNK] += vocals[:, :size] * fade
        weight[start : start + CHUNK] += fade
    inside = slice(trim, trim + n_samples)
    return (total[:, inside] / weight[inside] * COMPENSATION).astype(np.float32)


def write_onnx(path: Path, operator: str, input_shape: list[object], output_shape: list[object]) -> Path:
    """A model of one operator."""
    path.parent.mkdir(parents=True, exist_ok=True)
    graph = helper.make_graph(
        [helper.make_node(operator, ["input"], ["output"])],
        "other",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, output_shape)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path


@pytest.mark.parametrize(
    "words",
    [
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : CUDA failure 2: out of memory ; GPU=0",
        "[ONNXRuntimeError] : 6 : BFCArena: Failed to allocate memory for requested buffer of size 402653184",
    ],
    ids=["CUDA", "arena"],
)
def test_too_little_memory_is_not_taken_for_a_damaged_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    class FullGpu:
        def __init__(self, *_: object, **__: object) -> None:
            raise RuntimeError(words)

    path = write_separator(tmp_path / "vocals.onnx")
    monkeypatch.setattr("onnxruntime.InferenceSession", FullGpu)

    with pytest.raises(OutOfMemory, match="vocal separation"):
        VocalSeparator(path)
