"""The preview engine's picture: how well the face that comes out does what the sound asks, on many portraits.

    python -m benchmarks.preview [--quick]

Speech with known phonemes is made by espeak-ng and flite (Debian packages); without them the bundled sample is used and
the figures that need the truth are left out. Writes a table and out/preview/sheet.png.
"""

import argparse
import tempfile
import time
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage
from rich.progress import track

from benchmarks.faces import Floats, Seen, Viewer
from benchmarks.portraits import ROOT, portraits
from benchmarks.report import report
from benchmarks.spoken import Spoken, make_recordings
from emo_hallo_ray.engines.base import Image, SpeechTrack
from emo_hallo_ray.engines.preview.direction import express
from emo_hallo_ray.engines.preview.expression import Expression
from emo_hallo_ray.engines.preview.face.bases import JAW
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry
from emo_hallo_ray.engines.preview.portrait import Portrait, PreviewPortraitPreparer
from emo_hallo_ray.engines.preview.renderer import Renderer
from emo_hallo_ray.engines.preview.speech.embedder import PreviewSpeechEmbedder
from emo_hallo_ray.media.audio import decode_speech, wav_length
from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.render import RenderRequest, render
from emo_hallo_ray.settings import Settings
from emo_hallo_ray.tasks.model import TaskParams

OUT = ROOT / "out" / "preview"
SHEET_FRAMES, SHEET_PX = 8, 224
CHANGED_LEVELS = 2
EASED_FRAMES = 10  # at both ends, where the face comes from the portrait and goes back to it
LAGS = range(-3, 4)


@dataclass(frozen=True)
class Talk:
    """One portrait saying one thing.

    Attributes:
        frames: (N, S, S, 3).
        drawn: (N,) opening that the renderer was asked for.
    """

    frames: Sequence[Image]
    drawn: Floats
    seen: Seen
    blinks: Floats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the first three portraits, no speed")
    quick = parser.parse_args().quick
    OUT.mkdir(parents=True, exist_ok=True)
    chosen = dict(list(portraits().items())[: 3 if quick else None])
    with tempfile.TemporaryDirectory() as folder:
        spoken = make_recordings(Path(folder))
        if not spoken:
            print("Without flite and espeak-ng (Debian packages) only the drawing is measured, not what was said.")
        rows, strips = [], []
        for name, picture in track(chosen.items(), description="portraits"):
            row, strip = measure_portrait(name, picture, spoken, _sample(Path(folder)))
            rows.append(row)
            strips.append(strip)
        PillowImage.fromarray(np.vstack(strips)).save(OUT / "sheet.png")
        report("preview", "The preview engine on many portraits", rows)
        if not quick:
            report("preview_speed", "Recording to MP4, generation and encoding together", measure_speed(Path(folder)))
    print(f"contact sheet: {OUT / 'sheet.png'}")


def measure_portrait(
    name: str, picture: Image, spoken: Sequence[Spoken], sample: Path
) -> tuple[dict[str, object], Image]:
    """All figures of one portrait, the worst over the recordings, and a strip of its frames."""
    started = time.perf_counter()
    arrays, _ = PreviewPortraitPreparer().prepare(picture)
    portrait = Portrait.from_arrays(arrays)
    renderer = Renderer(portrait)
    prepared_s = time.perf_counter() - started
    viewer = Viewer(portrait, renderer)
    talks = [talk(portrait, renderer, viewer, path) for path in [one.path for one in spoken] or [sample]]
    blinks = np.concatenate([one.blinks for one in talks])
    lids = np.concatenate([one.seen.eyes for one in talks])
    row: dict[str, object] = {
        "portrait": name,
        "prepare, s": prepared_s,
        "drawn": min(correlation(one.seen.opening, one.drawn) for one in talks),
        "blink": -correlation(lids, blinks),
        "changed outside": changed_outside(renderer, talks),
    }
    return row | measure_against_truth(spoken, talks, viewer), _strip(name, talks[0].frames)


def talk(portrait: Portrait, renderer: Renderer, viewer: Viewer, path: Path) -> Talk:
    """Render a recording and look at it."""
    embedder = PreviewSpeechEmbedder()
    recording = SpeechTrack(path, wav_length(path), embedder.measure(path))
    mouth = embedder.embed(recording, 0, recording.n_frames)["mouth"]
    n_frames = recording.n_frames
    faces = [express(mouth[frame], TaskParams(), frame, n_frames) for frame in range(n_frames)]
    frames = [renderer.render(face) for face in faces]
    drawn = np.array([opening_of(face, portrait) for face in faces])
    return Talk(frames, drawn, viewer.look(frames), np.array([face.blink for face in faces]))


def opening_of(face: Expression, portrait: Portrait) -> float:
    """What the lips should be apart, as an amount of jaw; a smile that shows teeth is open until it settles."""
    geometry = FaceGeometry(portrait.points.astype(np.float64))
    at_rest = geometry.gap / (JAW * 2 * geometry.half_mouth) if geometry.is_mouth_open else 0.0
    return max(face.jaw * (1 - face.close), at_rest * (1 - face.settle))


def measure_against_truth(spoken: Sequence[Spoken], talks: Sequence[Talk], viewer: Viewer) -> dict[str, object]:
    """What reaches the viewer, against what was spoken; nothing where that is not known."""
    openings: list[float] = []
    lags: list[int] = []
    closures: dict[bool, list[bool]] = {False: [], True: []}
    closed_vowels: list[bool] = []
    for truth, one in zip(spoken, talks, strict=False):
        closed = viewer.is_closed(one.seen.opening)
        closures[truth.is_noisy] += [bool(closed[max(0, first - 1) : last + 2].any()) for first, last in truth.closures]
        if not truth.is_noisy:
            inner = slice(EASED_FRAMES, len(closed) - EASED_FRAMES)
            openings.append(correlation(one.seen.opening[inner], truth.opening[inner]))
            lags.append(best_lag(one.seen.opening[inner], truth.opening[inner]))
            closed_vowels += closed[inner][truth.open_vowels[inner]].tolist()
    if not openings:
        return {}
    return {
        "spoken": min(openings),
        "lag": max(lags, key=abs),
        "m b p closed": float(np.mean(closures[False])),
        "at 10 dB": float(np.mean(closures[True])),
        "vowels closed": float(np.mean(closed_vowels)),
    }


def changed_outside(renderer: Renderer, talks: Sequence[Talk]) -> int:
    """Pixels outside the head's mask that ever differ from the first frame by more than `CHANGED_LEVELS`."""
    first = talks[0].frames[0].astype(np.int16)
    outside = ~renderer.reach
    changed = np.zeros(outside.shape, bool)
    for one in talks:
        for frame in one.frames[::5]:
            changed |= np.abs(frame - first).max(axis=2) > CHANGED_LEVELS
    return int((changed & outside).sum())


def correlation(first: Floats, second: Floats) -> float:
    return float(np.corrcoef(first, second)[0, 1])


def best_lag(seen: Floats, spoken: Floats) -> int:
    """Frames by which the picture comes after the sound."""
    margin = max(LAGS)
    middle = spoken[margin:-margin]
    shifted = {lag: seen[margin + lag : len(seen) - margin + lag] for lag in LAGS}
    return max(LAGS, key=lambda lag: correlation(shifted[lag], middle))


def measure_speed(folder: Path) -> list[dict[str, object]]:
    """Half a minute of speech through the local pipeline, by frame size; preparation is not counted."""
    speech = folder / "half_a_minute.wav"
    _repeat(_sample(folder), speech, times=3)
    rows: list[dict[str, object]] = []
    for frame_px, goal in ((512, 75), (1024, 25)):
        settings = Settings.model_validate({"storage": {"root": folder}, "video": {"frame_px": frame_px}})
        picture = ROOT / "samples" / "portrait.jpg"
        request = RenderRequest(picture, speech, folder / f"{frame_px}.mp4", use_cache=False)
        started = time.perf_counter()
        result = render(request, lambda percent, message: None, settings)
        seconds = time.perf_counter() - started - result.stage_seconds["preprocessing"]
        rows.append(
            {"side, px": frame_px, "frames": result.n_frames, "frames/s": result.n_frames / seconds, "goal": goal}
        )
    return rows


def _sample(folder: Path) -> Path:
    path = folder / "sample.wav"
    if not path.exists():
        decode_speech(ROOT / "samples" / "speech.wav", path, MediaLimits())
    return path


def _repeat(source: Path, target: Path, times: int) -> None:
    with wave.open(str(source)) as recording, wave.open(str(target), "wb") as longer:
        longer.setparams(recording.getparams())
        samples = recording.readframes(recording.getnframes())
        for _ in range(times):
            longer.writeframes(samples)


def _strip(name: str, frames: Sequence[Image]) -> Image:
    """Frames from all over the video side by side, the first being the first."""
    chosen = [frames[round(i)] for i in np.linspace(0, len(frames) - EASED_FRAMES - 1, SHEET_FRAMES)]
    small = [cv2.resize(frame, (SHEET_PX, SHEET_PX), interpolation=cv2.INTER_AREA) for frame in chosen]
    cv2.putText(small[0], name, (6, SHEET_PX - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 0), 1, cv2.LINE_AA)
    return np.hstack(small)


if __name__ == "__main__":
    main()
