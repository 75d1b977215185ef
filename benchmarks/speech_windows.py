"""How much a long recording's speech features change when they are made in stretches and not in one piece.

Convolutions, normalisation and interpolation are the same either way; attention looks over all it is given. How far
it really looks depends on trained weights, which are not in this repository: give their folder to measure with them.
Random weights know no distance: they attend to the far end of a recording as much as to what is near.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import Wav2Vec2Config, Wav2Vec2Model

from benchmarks.report import report
from emo_hallo_ray.media.audio import SAMPLE_RATE_HZ, decode_speech, iter_blocks
from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.speech.encoder import SpeechEncoder
from emo_hallo_ray.speech.recording import Length, Recording, measure
from emo_hallo_ray.speech.stretches import STRETCH_ROWS
from tests.live_service import ROOT
from tests.unit.speech.conftest import write_golden, write_wav

CONTEXT_S = (0.0, 2.56, 5.0, 10.0, 20.0)
SHARPNESS = 3.0  # random queries and keys times this, so that a frame attends to some frames far more than to others


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, help="folder of a trained wav2vec2-base")
    parser.add_argument("--seconds", type=float, default=120.32, help="length of the recording; two stretches")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        recording = speech(Path(folder), options.seconds)
        for name, encoder in encoders(options.weights, Path(folder)).items():
            rows += compare(name, encoder, recording)
    report("speech_windows", "Speech features in stretches of 60 s against one piece", rows)


def encoders(trained: Path | None, folder: Path) -> dict[str, SpeechEncoder]:
    """The trained network, or else two of wav2vec2-base's size and the tiny one of the recorded case."""
    if trained is not None:
        return {"trained": SpeechEncoder.load(trained)}
    return {
        "random, even attention": base_size(1.0),
        "random, peaked attention": base_size(SHARPNESS),
        "recorded case, tiny": SpeechEncoder.load(write_golden(folder)),
    }


def base_size(sharpness: float) -> SpeechEncoder:
    """Random weights; queries and keys are scaled by `sharpness`."""
    torch.manual_seed(0)
    model = Wav2Vec2Model(Wav2Vec2Config())
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(("q_proj.weight", "k_proj.weight")):
                weight.mul_(sharpness)
    model.train(False)
    return SpeechEncoder(model)


def speech(folder: Path, seconds: float) -> Recording:
    """The sample's speech again and again, each time at another level and with other noise."""
    decode_speech(ROOT / "samples" / "speech.wav", folder / "once.wav", MediaLimits())
    once = np.concatenate(list(iter_blocks(folder / "once.wav")))
    n_samples = round(seconds * SAMPLE_RATE_HZ)
    random = np.random.default_rng(0)
    n_times = -(-n_samples // len(once))
    turns = [once * random.uniform(0.3, 1) + random.normal(0, 0.003, len(once)) for _ in range(n_times)]
    samples = (np.concatenate(turns)[:n_samples] * 32767).clip(-32768, 32767).astype(np.int16)
    path, length = write_wav(folder / "speech.wav", samples), Length.of(n_samples)
    return Recording(path, length, measure(path, length))


def compare(name: str, encoder: SpeechEncoder, recording: Recording) -> list[dict[str, object]]:
    """A row for each context."""
    n_rows = recording.length.n_rows
    whole = encoder.encode(recording, 0, n_rows, 0)
    figures: list[dict[str, object]] = []
    for context_s in CONTEXT_S:
        started = time.monotonic()
        stretches = [
            encoder.encode(recording, first, min(STRETCH_ROWS, n_rows - first), round(context_s * 25))
            for first in range(0, n_rows, STRETCH_ROWS)
        ]
        seconds = time.monotonic() - started
        error = relative(np.concatenate(stretches), whole)
        seam = error[STRETCH_ROWS - 25 : STRETCH_ROWS + 25]
        figures.append(
            {
                "weights": name,
                "context, s": context_s,
                "mean, %": 100 * float(error.mean()),
                "last layer, %": 100 * float(error[:, -1].mean()),
                "within 1 s of the seam, %": 100 * float(seam.mean()),
                "worst row, %": 100 * float(error.max()),
                "seconds for each of audio": seconds / (n_rows / 25),
                "peak, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
        print(figures[-1], flush=True)
    return figures


def relative(rows: NDArray[np.float32], whole: NDArray[np.float32]) -> NDArray[np.float64]:
    """Size of a row's difference against how much rows vary in that layer, (F, L)."""
    spread = np.linalg.norm(whole - whole.mean(axis=0), axis=2).mean(axis=0)
    error: NDArray[np.float64] = np.linalg.norm(rows - whole, axis=2) / spread
    return error


if __name__ == "__main__":
    main()
