"""`emo-hallo render`: a video without a server."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emo_hallo_ray.cli import options
from emo_hallo_ray.cli.terminal import note, reported_errors

if TYPE_CHECKING:
    from emo_hallo_ray.render import RenderRequest, RenderResult


def render(
    image: Annotated[
        Path,
        typer.Option("--image", "-i", help=options.IMAGE_HELP, exists=True, dir_okay=False, readable=True),
    ],
    audio: Annotated[
        Path,
        typer.Option("--audio", "-a", help=options.AUDIO_HELP, exists=True, dir_okay=False, readable=True),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="MP4 to write.", dir_okay=False, writable=True, callback=options.require_folder
        ),
    ],
    engine: options.Engine = None,
    preset: options.Preset = None,
    seed: options.Seed = None,
    guidance_scale: options.GuidanceScale = None,
    inference_steps: options.InferenceSteps = None,
    scheduler: options.Scheduler = None,
    pose_weight: options.PoseWeight = None,
    face_weight: options.FaceWeight = None,
    lip_weight: options.LipWeight = None,
    upscale: options.Upscale = None,
    fidelity_weight: options.FidelityWeight = None,
    face: options.RestoreFaces = None,
    background: options.RestoreBackground = None,
    use_cache: options.UseCache = None,
) -> None:
    """Make a video here and now; no server needed.

    Prints the path of the video.

    Example: **emo-hallo render -i person.jpg -a speech.wav -o out.mp4**
    """
    from emo_hallo_ray.render import RenderRequest

    chosen = options.given(
        engine=engine,
        preset=preset,
        seed=seed,
        guidance_scale=guidance_scale,
        inference_steps=inference_steps,
        scheduler=scheduler,
        pose_weight=pose_weight,
        face_weight=face_weight,
        lip_weight=lip_weight,
        upscale=upscale and int(upscale),
        fidelity_weight=fidelity_weight,
        restore_faces=face,
        restore_background=background,
        use_cache=use_cache,
    )
    with reported_errors():
        result = _render_with_bar(RenderRequest(image, audio, output, **chosen))
    for warning in result.warnings:
        note(f"warning: {warning}")
    note(_summarise(result))
    typer.echo(result.path)


def _render_with_bar(request: "RenderRequest") -> "RenderResult":

    from emo_hallo.progress import progress_bar
    from emo_hallo_ray.render import render

    if not sys.stderr.isatty():
        return render(request, lambda percent, message: None)
    with progress_bar() as update:
        return render(request, lambda percent, message: update(percent, message, None))


def _summarise(result: "RenderResult") -> str:
    busy = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in result.stage_seconds.items())
    video = f"{result.duration_s:.1f} s, {result.n_frames} frames, {result.width_px}×{result.height_px}"
    return f"{video}, {result.engine} engine" + (f" ({busy})" if busy else "")
