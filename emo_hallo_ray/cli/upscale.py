"""`emo-hallo upscale`: a larger video out of any video."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emo_hallo_ray.cli import options
from emo_hallo_ray.cli.terminal import note, reported_errors

if TYPE_CHECKING:
    from emo_hallo_ray.media.source import VideoSource


class ScaleChoice(StrEnum):
    """Factors; words, because choices on a command line are."""

    TWO = "2"
    FOUR = "4"


def upscale(
    video: Annotated[
        Path,
        typer.Argument(
            metavar="IN", help="Video of any format that ffmpeg reads.", exists=True, dir_okay=False, readable=True
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="MP4 to write.", dir_okay=False, writable=True, callback=options.require_folder
        ),
    ],
    scale: Annotated[ScaleChoice, typer.Option(help="How many times as wide and high.")] = ScaleChoice.TWO,
    fidelity_weight: options.FidelityWeight = None,
    face: options.RestoreFaces = None,
    background: options.RestoreBackground = None,
) -> None:
    """Enlarge a video and keep its sound; no server needed.

    Prints the path of the video.

    Example: **emo-hallo upscale in.mp4 -o out.mp4 --scale 4**
    """
    from emo_hallo_ray.media.source import probe_source
    from emo_hallo_ray.settings import read_settings
    from emo_hallo_ray.super_resolution.base import EnlargeOptions
    from emo_hallo_ray.super_resolution.enlargers import Enlargers
    from emo_hallo_ray.super_resolution.video import upscale_video

    if output.exists() and output.samefile(video):
        raise typer.BadParameter("it is the video that is read", param_hint="'--output'")
    with reported_errors():
        source = probe_source(video)
        settings = read_settings()
        asked = {"fidelity_weight": fidelity_weight, "restore_faces": face, "restore_background": background}
        enlargers = Enlargers(settings.weights.root, **settings.super_resolution.model_dump())
        wanted, settled = enlargers.settle(EnlargeOptions(int(scale), **options.given(**asked)))
        note(f"{_describe(source)}, enlarging {scale}× by {settled.method} ({settled.reason})")
        enlarger = enlargers.make(wanted)
        with _progress(source.n_frames) as on_progress:
            made = upscale_video(source, output, enlarger, on_progress)
    note(f"{made.width_px}×{made.height_px}, {made.n_frames} frames, {made.method}, {made.encoder}")
    typer.echo(made.path)


def _describe(source: "VideoSource") -> str:
    sound = "with sound" if source.has_sound else "silent"
    return f"{source.duration_s:.1f} s, {source.width_px}×{source.height_px}, {float(source.fps):.5g} fps, {sound}"


@contextmanager
def _progress(n_frames: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where that is a terminal: frames, frames per second, time left."""
    if not sys.stderr.isatty():
        yield lambda n_done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("frames, {task.fields[fps]:.1f} fps,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        row = bar.add_task("", total=n_frames, fps=0.0)

        def update(n_done: int) -> None:
            # the number was an estimate
            total = max(n_frames, n_done)
            bar.update(row, completed=n_done, total=total, fps=n_done / max(bar.tasks[0].elapsed or 0.0, 1e-3))

        yield update
