"""How fast an engine is on this machine: whole videos, made as `emo-hallo render` makes them."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from emo_hallo_ray.media.audio import inspect_audio
from emo_hallo_ray.media.ffmpeg import file_url, run
from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.media.sniff import sniff_audio
from emo_hallo_ray.render import RenderRequest, RenderResult, render

CUT_TIMEOUT_S = 600.0
KIB = 1024 if sys.platform != "darwin" else 1  # what getrusage counts in


@dataclass(frozen=True)
class Measured:
    """One engine's figures.

    Attributes:
        first_s: for the first video of a process, the loading of models included.
        next_s: for the one after.
        stage_seconds: how long each stage was busy with the second one; stages overlap.
        peak_bytes: most memory that this process has had.
    """

    engine: str
    video_s: float
    n_frames: int
    width_px: int
    height_px: int
    first_s: float
    next_s: float
    stage_seconds: dict[str, float]
    peak_bytes: int

    @property
    def frames_per_second(self) -> float:
        """Of the second video, from files to file."""
        return self.n_frames / self.next_s

    @property
    def real_time_factor(self) -> float:
        """Seconds of work per second of video; below 1 is faster than life."""
        return self.next_s / self.video_s

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        ratios = {"frames_per_second": self.frames_per_second, "real_time_factor": self.real_time_factor}
        return asdict(self) | {name: round(value, 3) for name, value in ratios.items()}


def measure_engine(
    engine: str, image: Path, audio: Path, seconds: float, on_progress: Callable[[int, str], None]
) -> Measured:
    """Make the same video twice, of at most so many seconds, without the preprocessing cache.

    Raises:
        EmoHalloError: the inputs cannot be used, or the engine cannot run here.
    """
    with TemporaryDirectory(prefix="emo-hallo-bench-") as folder:
        speech = _cut(audio, Path(folder) / "speech.wav", seconds)
        times: list[float] = []
        for half, name in ((0, "first"), (50, "second")):
            request = RenderRequest(image, speech, Path(folder) / f"{name}.mp4", engine=engine, use_cache=False)
            started = time.perf_counter()
            result = render(request, lambda percent, message, half=half: on_progress(half + percent // 2, message))  # type: ignore[misc]
            times.append(time.perf_counter() - started)
    return _measured(result, *times)


def _measured(result: RenderResult, first_s: float, next_s: float) -> Measured:
    return Measured(
        engine=result.engine,
        video_s=result.duration_s,
        n_frames=result.n_frames,
        width_px=result.width_px,
        height_px=result.height_px,
        first_s=round(first_s, 3),
        next_s=round(next_s, 3),
        stage_seconds={stage: round(spent, 3) for stage, spent in result.stage_seconds.items()},
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB,
    )


def _cut(audio: Path, path: Path, seconds: float) -> Path:
    """The beginning of a recording, as WAV."""
    inspect_audio(audio, MediaLimits())
    source = ["-f", sniff_audio(audio), "-i", file_url(audio), "-map", "0:a:0"]
    run([*source, "-t", f"{seconds:.3f}", "-f", "wav", file_url(path)], CUT_TIMEOUT_S)
    return path
