"""How well the preview engine's mouth follows speech: voices and languages its network never heard, clean and in noise.

Needs the Debian packages espeak-ng and flite, which make the speech.
"""

import tempfile
import time
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.report import report
from emo_hallo_ray.engines.base import FPS, SpeechTrack
from emo_hallo_ray.engines.preview.speech.embedder import PreviewSpeechEmbedder
from emo_hallo_ray.engines.preview.speech.visemes import MOUTH_CURVES
from emo_hallo_ray.media.audio import SAMPLE_RATE_HZ, Samples
from tools.visemes.degrade import hum, music, pink, white
from tools.visemes.evaluate import score
from tools.visemes.heldout import speak_held_out
from tools.visemes.synthesizers import missing_packages

Mouth = NDArray[np.float32]
JAW, REST = MOUTH_CURVES.index("jaw"), MOUTH_CURVES.index("rest")
SPEECHLESS_S = 20
LONG_S = 180
SEGMENT_FRAMES = (16, 100, 333)


def main() -> None:
    """Make the inputs, listen to them, report."""
    if missing := missing_packages():
        Console().print(f"No figures of visemes: install the Debian packages {' '.join(missing)} first.")
        return
    spoken = speak_held_out()
    report("visemes", "mouth curves against what was said", score(spoken, embed))
    speech = np.concatenate([speech.samples for kind in spoken.values() for speech in kind])
    report("visemes_without_speech", "mouth curves where nobody speaks", speechless_rows())
    report("visemes_long", "mouth curves of a long recording", [long_row(speech)])


def embed(samples: Samples) -> Mouth:
    """Mouth curves of a recording, by way of a file as in the product."""
    with tempfile.TemporaryDirectory() as folder:
        track = write_track(Path(folder) / "speech.wav", samples)
        return rows_of(track, 0, track.n_frames)


def write_track(path: Path, samples: Samples) -> SpeechTrack:
    """Store a recording at half of full scale and measure it."""
    scaled = samples / max(1e-6, float(np.abs(samples).max())) / 2
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE_HZ)
        wav.writeframes(np.rint(scaled * 32767).astype("<i2").tobytes())
    return SpeechTrack(path, len(samples), PreviewSpeechEmbedder().measure(path))


def rows_of(track: SpeechTrack, first_frame: int, n_frames: int) -> Mouth:
    """Mouth curves of a stretch."""
    return PreviewSpeechEmbedder().embed(track, first_frame, n_frames)["mouth"].astype(np.float32)


def speechless_rows() -> list[dict[str, object]]:
    """How far the mouth opens for sounds that are no speech."""
    rows: list[dict[str, object]] = []
    for name, noise in {"white": white, "pink": pink, "hum": hum, "music": music, "silence": None}.items():
        n_samples = SPEECHLESS_S * SAMPLE_RATE_HZ
        sound = np.zeros(n_samples, np.float32) if noise is None else noise(n_samples, np.random.default_rng(1))
        mouth = embed(sound)
        rows.append({"sound": name, "mean jaw": float(mouth[:, JAW].mean()), "mean rest": float(mouth[:, REST].mean())})
    return rows


def long_row(speech: Samples) -> dict[str, object]:
    """Three minutes of many speakers, in the second half the same again 20 dB fainter: in windows and at once."""
    loud_half = np.resize(speech, LONG_S * SAMPLE_RATE_HZ // 2)
    samples = np.concatenate([loud_half, loud_half / 10])
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        track = write_track(Path(folder) / "long.wav", samples)
        measured = time.perf_counter()
        whole = rows_of(track, 0, track.n_frames)
        embedded = time.perf_counter()
        difference = max(_largest_difference(track, whole, n_frames) for n_frames in SEGMENT_FRAMES)
    first_settled = 30 * FPS  # in the faint half
    loud, faint = (half[first_settled : 2 * first_settled, JAW] for half in np.split(whole, 2))
    return {
        "duration, s": LONG_S,
        "measuring, ms per second": (measured - started) / LONG_S * 1000,
        "embedding, ms per second": (embedded - measured) / LONG_S * 1000,
        "largest difference between cuts": difference,
        "jaw, faint against loud": float(np.corrcoef(faint, loud)[0, 1]),
    }


def _largest_difference(track: SpeechTrack, whole: Mouth, n_frames: int) -> float:
    starts = range(0, len(whole), n_frames)
    parts = [rows_of(track, first, min(n_frames, len(whole) - first)) for first in starts]
    return float(np.abs(np.concatenate(parts) - whole).max())


if __name__ == "__main__":
    main()
