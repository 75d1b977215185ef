"""`emo-hallo serve`: hand this process over to Ray Serve."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from emo_hallo_ray.cli.terminal import leave


def serve(
    config: Annotated[Path, typer.Option("--config", "-c", help="Ray Serve configuration.", dir_okay=False)] = Path(
        "serve_config.yaml"
    ),
) -> None:
    """Run the service until Ctrl-C, on this machine or on the Ray cluster it belongs to.

    The same as **serve run serve_config.yaml**, with the proxy and other surroundings set as the service wants them,
    and with SIGTERM as an orderly end: running tasks are given back, and go on after their last finished segment.
    """
    if not config.is_file():
        raise leave(
            f"there is no configuration at '{config.absolute()}'",
            "run this in the project's folder, or name the file with --config",
            exit_code=2,
        )
    from emo_hallo_ray.settings import serve_environment

    command = [sys.executable, "-m", "deployments", str(config)]
    # replacing this process, rather than starting a child, lets signals reach Serve directly
    os.execve(command[0], command, serve_environment())
