"""`emo-hallo bench`: how fast this machine is."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emo_hallo_ray.cli import options
from emo_hallo_ray.cli.terminal import reported_errors, stdout

if TYPE_CHECKING:
    from emo_hallo_ray.bench import Measured

SAMPLES = Path(__file__).resolve().parents[2] / "samples"  # in a checkout; a wheel has none


def bench(
    image: Annotated[
        Path | None,
        typer.Option("--image", "-i", help=f"{options.IMAGE_HELP} In a checkout, the sample.", exists=True),
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option("--audio", "-a", help=f"{options.AUDIO_HELP} In a checkout, the sample.", exists=True),
    ] = None,
    engine: Annotated[
        list[options.EngineChoice] | None,
        typer.Option(metavar="NAME", help="May be given several times; by default preview, and what auto takes."),
    ] = None,
    seconds: Annotated[float, typer.Option(metavar="S", min=0.5, help="Length of the video.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Make a short video twice with each engine, and say how long it took.

    The benchmarks behind docs/PERFORMANCE.md are another thing: **make bench** in a checkout.
    """
    image, audio = image or _sample("portrait.jpg", "--image"), audio or _sample("speech.wav", "--audio")
    with reported_errors():
        measured = [_measure(name, image, audio, seconds) for name in _engines(engine)]
    if as_json:
        typer.echo(json.dumps([each.to_json() for each in measured], indent=2))
    else:
        _print_table(measured)


def _sample(name: str, option: str) -> Path:
    if not (path := SAMPLES / name).exists():
        raise typer.BadParameter("there are no samples beside an installed program; name a file", param_hint=option)
    return path


def _engines(chosen: list[options.EngineChoice] | None) -> list[str]:
    from emo_hallo_ray.engines.registry import EngineCatalog
    from emo_hallo_ray.gpu import describe_gpus
    from emo_hallo_ray.settings import read_settings

    catalog = EngineCatalog.of(read_settings(), has_gpu=bool(describe_gpus()))
    names = [each.value for each in chosen] if chosen else ["preview", "auto"]
    return list(dict.fromkeys(catalog.choose(name).name for name in names))


def _measure(engine: str, image: Path, audio: Path, seconds: float) -> "Measured":
    from emo_hallo.progress import progress_bar
    from emo_hallo_ray.bench import measure_engine

    if not sys.stderr.isatty():
        return measure_engine(engine, image, audio, seconds, lambda percent, message: None)
    with progress_bar() as update:
        return measure_engine(
            engine, image, audio, seconds, lambda percent, message: update(percent, f"{engine}: {message}", None)
        )


def _print_table(measured: "list[Measured]") -> None:
    from rich.table import Table

    table = Table("", *(each.engine for each in measured), box=None, header_style="bold", pad_edge=False)
    rows = {
        "video": [f"{each.video_s:.1f} s, {each.width_px}×{each.height_px}" for each in measured],
        "first, with loading": [f"{each.first_s:.1f} s" for each in measured],
        "next": [f"{each.next_s:.1f} s" for each in measured],
        "frames a second": [f"{each.frames_per_second:.1f}" for each in measured],
        "real-time factor": [f"{each.real_time_factor:.2f}" for each in measured],
        "most memory": [f"{each.peak_bytes / 2**20:.0f} MB" for each in measured],
    }
    stages = dict.fromkeys(stage for each in measured for stage in each.stage_seconds)
    rows |= {f"· {stage}": [f"{each.stage_seconds.get(stage, 0):.2f} s" for each in measured] for stage in stages}
    for name, cells in rows.items():
        table.add_row(name, *cells)
    stdout().print(table)
