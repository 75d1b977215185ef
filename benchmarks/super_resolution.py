"""What enlargement costs beside its networks, and whether its memory grows with the video.

Runs on one core: follow, align, paste, match tones, copy; the networks' places are taken by next to nothing. With
`--networks N` it enlarges N frames with random full-size weights instead, on a GPU where there is one.

    taskset -c 0 python -m benchmarks.super_resolution
    python -m benchmarks.super_resolution --networks 96   # on a CPU, 1 takes minutes
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from benchmarks.report import report
from emo_hallo_ray.media.frames import Frames
from emo_hallo_ray.super_resolution.alignment import cut
from emo_hallo_ray.super_resolution.base import EnlargeOptions
from emo_hallo_ray.super_resolution.networks import RestorationNetworks
from emo_hallo_ray.super_resolution.paste import paste
from emo_hallo_ray.super_resolution.restoration import RestoringEnlarger
from emo_hallo_ray.super_resolution.tracking import FaceTrack, FaceTracker
from emo_hallo_ray.weights.layout import WeightsLayout
from tests.unit.super_resolution.recorded import generated_weights, released_shapes

SAMPLE = Path(__file__).parents[1] / "samples" / "portrait.jpg"
CLIP = 16


class Stand:
    """In the networks' place: next to nothing."""

    def restore(self, faces: Frames, fidelity: float) -> Frames:
        return faces

    def enlarge(self, frame: Frames) -> Frames:
        return frame.repeat(2, 1).repeat(2, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory-of", type=int, metavar="SECONDS", help="print the peak of a video of this length")
    parser.add_argument("--networks", type=int, metavar="N", help="frames to enlarge with full-size networks")
    options = parser.parse_args()
    if options.networks:
        report("super_resolution_networks", "Full-size networks, 512²", network_rows(options.networks))
        return
    if options.memory_of:
        print(peak_bytes_of(options.memory_of))
        return
    cv2.setNumThreads(1)
    report("super_resolution", "Beside the networks, 512² to 1024², one core, ms a frame", overhead_rows())
    report("super_resolution_memory", "Peak of resident memory", memory_rows())


def frames(n_frames: int) -> Iterator[Frames]:
    """Clips of the sample portrait, as large as Hallo2 frames faces, moving by a pixel a frame."""
    portrait = np.array(Image.open(SAMPLE).convert("RGB"))[0:260, 92:352]
    square = cv2.resize(portrait, (512, 512), interpolation=cv2.INTER_CUBIC)
    for start in range(0, n_frames, CLIP):
        shifts = range(start, min(start + CLIP, n_frames))
        yield np.stack([np.roll(square, int(8 * np.sin(i / 8)), axis=1) for i in shifts])


def overhead_rows() -> list[dict[str, object]]:
    tracker = FaceTracker()
    track: FaceTrack | None = None
    spent: dict[str, list[float]] = {"follow (mesh network)": [], "align": [], "paste, tone and blend": []}
    stand = Stand()
    for clip in frames(96):
        for frame in clip:
            enlarged = stand.enlarge(frame[None])[0]
            started = time.perf_counter()
            track = tracker.follow(frame, track)
            followed = time.perf_counter()
            face = track.face
            assert face is not None
            crop = cut(frame, face)
            aligned = time.perf_counter()
            paste(enlarged, crop.copy(), crop, face, 2)
            pasted = time.perf_counter()
            for name, seconds in zip(spent, (followed - started, aligned - followed, pasted - aligned), strict=True):
                spent[name].append(seconds)
    rows: list[dict[str, object]] = [
        {"what": name, "median": 1000 * float(np.median(s)), "95 %": 1000 * float(np.percentile(s, 95))}
        for name, s in spent.items()
    ]
    own = np.add(spent["align"], spent["paste, tone and blend"])
    rows.append(
        {
            "what": "all but the mesh network (goal: 15)",
            "median": 1000 * float(np.median(own)),
            "95 %": 1000 * float(np.percentile(own, 95)),
        }
    )
    return rows


def memory_rows() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for seconds in (5, 60):
        command = [sys.executable, "-m", "benchmarks.super_resolution", "--memory-of", str(seconds)]
        peak = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        rows.append({"video": f"{seconds} s", "peak, MB": peak / 1e6})
    return rows


def network_rows(n_frames: int) -> list[dict[str, object]]:
    """Frames per second of everything, at both factors."""
    with tempfile.TemporaryDirectory(prefix="emo-hallo-") as folder:
        layout = WeightsLayout(Path(folder))
        _write(layout.restorer, "codeformer_net_g")
        _write(layout.background_upscaler, "realesrgan_x2plus")
        networks = RestorationNetworks(layout)
        first = next(iter(frames(1)))
        networks.restore(np.zeros((1, 512, 512, 3), np.uint8), 0.5)  # loads
        networks.enlarge(first)
        rows: list[dict[str, object]] = []
        for factor in (2, 4) if torch.cuda.is_available() else (2,):
            options = EnlargeOptions(factor, restore_faces=True, restore_background=True)
            enlarger = RestoringEnlarger(options, networks, FaceTracker(), {})
            started = time.perf_counter()
            for clip in frames(n_frames):
                enlarger.push(clip)
            enlarger.finish()
            rows.append({"factor": factor, "frames/s": n_frames / (time.perf_counter() - started)})
    return rows


def _write(path: Path, name: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"params_ema": generated_weights(released_shapes(name), seed=0, gains={})}, path)


def peak_bytes_of(seconds: int) -> int:
    """The most that is resident while a video of this length is enlarged; its frames are thrown away."""
    from benchmarks.loading import peak_bytes

    options = EnlargeOptions(2, restore_faces=True, restore_background=True)
    enlarger = RestoringEnlarger(options, Stand(), FaceTracker(), {})
    for clip in frames(25 * seconds):
        enlarger.push(clip)
    enlarger.finish()
    return peak_bytes()


if __name__ == "__main__":
    main()
