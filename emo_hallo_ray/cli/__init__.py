"""The command line. Modules load what they need when their command runs, so that `--help` is instant."""

from typing import Annotated

import typer

from emo_hallo_ray import __version__
from emo_hallo_ray.cli.bench import bench
from emo_hallo_ray.cli.doctor import doctor
from emo_hallo_ray.cli.key import key
from emo_hallo_ray.cli.models import models_app
from emo_hallo_ray.cli.render import render
from emo_hallo_ray.cli.repair import repair
from emo_hallo_ray.cli.serve import serve
from emo_hallo_ray.cli.tasks import cancel, logs, status, submit
from emo_hallo_ray.cli.upscale import upscale

HELP = """Make a portrait photo speak: a picture and a speech recording in, a lip-synced MP4 out.

Start with **emo-hallo doctor**, then make a video right here with **emo-hallo render**, or run the service with
**emo-hallo serve** and send it work with **emo-hallo submit**.
"""

app = typer.Typer(
    name="emo-hallo",
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"emo-hallo {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Options of the program itself; its help is `HELP`."""


HERE, SERVICE = "On this machine", "With a running service"
for command, panel in (
    (doctor, HERE),
    (render, HERE),
    (upscale, HERE),
    (bench, HERE),
    (serve, HERE),
    (key, HERE),
    (repair, HERE),
    (submit, SERVICE),
    (status, SERVICE),
    (logs, SERVICE),
    (cancel, SERVICE),
):
    app.command(rich_help_panel=panel)(command)
app.add_typer(models_app, rich_help_panel=HERE)
