"""`emo-hallo submit`, `status`, `logs` and `cancel`: the client library at the terminal."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emo_hallo_ray.cli import options
from emo_hallo_ray.cli.terminal import leave, note, reported_errors, stdout

if TYPE_CHECKING:
    from emo_hallo.client import Hallo2Client
    from emo_hallo.models import Task

STATUS_STYLES = {"queued": "yellow", "processing": "cyan", "completed": "green", "failed": "red", "cancelled": "dim"}
INTERRUPTED = 130  # what a shell reports after Ctrl-C
MAX_RETRIES = 2  # a person who mistyped the server's address hears of it within two seconds

TaskId = Annotated[str, typer.Argument(metavar="TASK_ID", help="As printed by submit.")]


def submit(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help=options.IMAGE_HELP, exists=True, dir_okay=False, readable=True)
    ],
    audio: Annotated[
        Path, typer.Argument(metavar="AUDIO", help=options.AUDIO_HELP, exists=True, dir_okay=False, readable=True)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Wait, and save the video here.",
            dir_okay=False,
            writable=True,
            callback=options.require_folder,
        ),
    ] = None,
    watch: Annotated[
        bool | None, typer.Option("--watch/--no-watch", help="Wait for the end; with -o by default.")
    ] = None,
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
    webhook_url: options.WebhookUrl = None,
    webhook_events: options.WebhookEvents = None,
    server: options.Server = options.DEFAULT_SERVER,
    api_key: options.ApiKey = None,
) -> None:
    """Send a portrait and a recording to the service; print the task's id.

    Options that are left out have the service's defaults.

    Example: **emo-hallo submit person.jpg speech.wav -o out.mp4**
    """
    if output is not None and watch is False:
        raise typer.BadParameter("saving the video (-o) means waiting for it, which --no-watch refuses")
    with _client(server, api_key) as client:
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
            webhook_url=webhook_url,
            webhook_events=webhook_events,
        )
        task_id = client.inference(image, audio, use_cache, **chosen)
        typer.echo(task_id)
        if output is not None or watch:
            _watch(client, task_id, output)
        elif sys.stdout.isatty():
            note(f"follow it with: emo-hallo status {task_id}", style="dim")


def status(
    task_id: Annotated[
        str | None, typer.Argument(metavar="TASK_ID", help="As printed by submit; without it, the newest tasks.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The service's own JSON.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Tasks in the table.")] = 20,
    server: options.Server = options.DEFAULT_SERVER,
    api_key: options.ApiKey = None,
) -> None:
    """Show one task, or a table of the newest."""
    with _client(server, api_key) as client:
        if task_id is None:
            tasks = list(islice(client.tasks(), limit))
            _print_json([dict(task.raw) for task in tasks]) if as_json else _print_table(tasks)
        else:
            task = client.status(task_id)
            _print_json(dict(task.raw)) if as_json else _print_task(task)


def logs(
    task_id: TaskId,
    tail: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the last N lines.")] = None,
    server: options.Server = options.DEFAULT_SERVER,
    api_key: options.ApiKey = None,
) -> None:
    """Print the log of a task."""
    with _client(server, api_key) as client:
        text = client.logs(task_id, tail)
    typer.echo(text, nl=not text.endswith("\n"))


def cancel(
    task_id: TaskId,
    force: Annotated[bool, typer.Option("--force", help="Stop it even while it is running.")] = False,
    server: options.Server = options.DEFAULT_SERVER,
    api_key: options.ApiKey = None,
) -> None:
    """Take a task out of the queue, or stop it with --force."""
    with _client(server, api_key) as client:
        client.cancel(task_id, force)
    note(f"task {task_id} is cancelled")


@contextmanager
def _client(server: str, api_key: str | None) -> Iterator["Hallo2Client"]:
    from emo_hallo.client import Hallo2Client

    with reported_errors():
        try:
            client = Hallo2Client(server, api_key=api_key, max_retries=MAX_RETRIES)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--server") from error
        with client:
            yield client


def _watch(client: "Hallo2Client", task_id: str, output: Path | None) -> None:
    try:
        if output is None:
            client.wait(task_id)
            note("completed")
        else:
            client.wait_and_download(task_id, output)
            note(f"saved {output}")
    except KeyboardInterrupt as error:
        raise leave(
            "not waiting any longer; the task goes on",
            f"emo-hallo status {task_id}, or emo-hallo cancel --force {task_id}",
            exit_code=INTERRUPTED,
        ) from error


def _print_json(data: object) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def _print_task(task: "Task") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, value in task.raw.items():
        if value is not None:
            text = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)
            style = STATUS_STYLES.get(task.status, "") if name == "status" else ""
            table.add_row(Text(name, style="dim"), Text(text, style=style))
    stdout().print(table)


def _print_table(tasks: "list[Task]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("task", "status", "%", "message", "created", box=None, header_style="dim")
    for task in tasks:
        style = STATUS_STYLES.get(task.status, "")
        message = Text(task.error or task.status_message)
        row = (Text(task.status, style=style), Text(str(task.progress)), message, Text(task.created_at or ""))
        table.add_row(Text(task.task_id, no_wrap=True), *row)
    stdout().print(table)
