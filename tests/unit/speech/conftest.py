import json
import shutil
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from emo_hallo_ray.engines.base import SpeechTrack
from emo_hallo_ray.engines.hallo2.speech import Hallo2SpeechEmbedder
from emo_hallo_ray.speech.encoder import SpeechEncoder
from emo_hallo_ray.speech.recording import Length, Recording, measure
from emo_hallo_ray.weights.layout import WeightsLayout
from tests.tiny_models.speech import write_wav2vec

PARITY = Path(__file__).parents[2] / "data" / "parity" / "wav2vec"


def write_wav(path: Path, samples: NDArray[np.int16]) -> Path:
    """16 kHz, mono."""
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(16_000)
        wav.writeframes(samples.astype("<i2").tobytes())
    return path


def noise(n_samples: int, seed: int = 0) -> NDArray[np.int16]:
    """Bursts of noise on a small offset, so that no two seconds are alike."""
    rng = np.random.default_rng(seed)
    loudness = 400 + 2000 * np.abs(np.sin(np.arange(n_samples) / 5000) * np.sin(np.arange(n_samples) / 91_000))
    samples: NDArray[np.int16] = (rng.standard_normal(n_samples) * loudness + 150).clip(-32768, 32767).astype(np.int16)
    return samples


def recording_of(path: Path, samples: NDArray[np.int16], length: Length | None = None) -> Recording:
    """Written and measured."""
    write_wav(path, samples)
    length = length or Length.of(len(samples))
    return Recording(path, length, measure(path, length))


def track_of(embedder: Hallo2SpeechEmbedder, path: Path, samples: NDArray[np.int16]) -> SpeechTrack:
    """As the stage makes it."""
    write_wav(path, samples)
    return SpeechTrack(path, len(samples), embedder.measure(path))


def write_golden(folder: Path) -> Path:
    """The recorded case's network in the layout of a release."""
    config = json.loads((PARITY / "config.json").read_text())["wav2vec2_config"]
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "wav2vec2"}))
    shutil.copyfile(PARITY / "weights.safetensors", folder / "model.safetensors")
    return folder


@dataclass(frozen=True)
class Golden:
    """The recorded case: a network, and what the original made with it."""

    encoder: SpeechEncoder
    runs: list[dict[str, Any]]
    inputs: Mapping[str, NDArray[Any]]
    outputs: Mapping[str, NDArray[np.float32]]

    def recording(self, folder: Path, run: int) -> Recording:
        """Padded as the original did."""
        samples, figures = self.inputs[f"waveform_i16.{run}"], self.runs[run]
        length = Length(len(samples), figures["seq_len_after_padding"], figures["zero_samples_appended"])
        return recording_of(folder / f"{run}.wav", samples, length)


@pytest.fixture(scope="session")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Golden:
    encoder = SpeechEncoder.load(write_golden(tmp_path_factory.mktemp("golden")))
    inputs, outputs = (load_file(PARITY / f"{name}.safetensors") for name in ("inputs", "outputs"))
    return Golden(encoder, json.loads((PARITY / "config.json").read_text())["runs"], inputs, outputs)


@pytest.fixture(scope="session")
def wav2vec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights root with the tiny speech model in it."""
    root = tmp_path_factory.mktemp("weights")
    write_wav2vec(WeightsLayout(root).wav2vec_folder)
    return root


@pytest.fixture
def layout(wav2vec: Path) -> WeightsLayout:
    return WeightsLayout(wav2vec)
