"""The spoken sample of the tests: `python -m tools.visemes.sample tests/data/visemes`, with flite installed."""

import json
import sys
import wave
from pathlib import Path

import numpy as np

from emo_hallo_ray.media.audio import SAMPLE_RATE_HZ
from tools.visemes import flite
from tools.visemes.labels import label
from tools.visemes.phonemes import visemes_of_arpa

TEXT = "My baby put the brown map by the boat. Peter promised Mary a picnic."
VOICE = "awb"  # never trained on


def main(folder: Path) -> None:
    """Write speech.wav and segments.json: viseme, start and end in seconds."""
    speech = label(flite.speak(TEXT, VOICE), visemes_of_arpa)
    with wave.open(str(folder / "speech.wav"), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE_HZ)
        wav.writeframes(np.rint(speech.samples * 32767).astype("<i2").tobytes())
    rows = [[segment.viseme, round(segment.start_s, 3), round(segment.end_s, 3)] for segment in speech.segments]
    (folder / "segments.json").write_text("[\n" + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n]\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
