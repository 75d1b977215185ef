"""Resident memory of the whole service for 60 minutes of audio against 1 minute, with an engine of plain frames."""

import argparse
import tempfile
import wave
from pathlib import Path

import numpy as np

from benchmarks.polling import PLAIN
from benchmarks.report import report
from benchmarks.upload import PeakMemory
from emo_hallo.client import Hallo2Client
from tests.live_service import ROOT, LiveService, live_service, resident_bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    long_min = parser.parse_args().minutes
    rows = []
    with tempfile.TemporaryDirectory() as folder, live_service(Path(folder), settings=PLAIN) as service:
        render(service, Path(folder), 0.1)  # warm-up
        for minutes in (1.0, long_min):
            before = resident_bytes(service)
            with PeakMemory(service) as memory:
                seconds = render(service, Path(folder), minutes)
            rows.append(
                {
                    "audio, min": minutes,
                    "before, MB": before / 1e6,
                    "peak, MB": memory.peak / 1e6,
                    "seconds of work": seconds,
                    "goal": "peaks within 300 MB",
                }
            )
            print(rows[-1], flush=True)
    report("long_audio", "Memory of all processes together (PSS)", rows)


def render(service: LiveService, folder: Path, minutes: float) -> float:
    """A task of that length; returns how long it took."""
    audio = noise(folder / "noise.wav", minutes)
    with Hallo2Client(service.base_url) as client:
        task_id = client.inference(
            image_path=ROOT / "samples" / "portrait.jpg", audio_path=audio, engine="plain", use_cache=False
        )
        task = client.wait(task_id, timeout_s=3600)
    assert task.result is not None
    assert task.result["frames"] == round(minutes * 60 * 25)
    return sum(task.stage_seconds.values())


def noise(path: Path, minutes: float) -> Path:
    """Quiet noise at 16 kHz, written a second at a time."""
    random = np.random.default_rng(0)
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        for _ in range(round(minutes * 60)):
            writer.writeframes(random.integers(-3000, 3000, 16_000, dtype=np.int16).tobytes())
    return path


if __name__ == "__main__":
    main()
