"""`make demo`: start the service, send it the bundled sample, save the video, stop what was started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from emo_hallo.client import Hallo2Client
from emo_hallo.models import Task

ROOT = Path(__file__).resolve().parent.parent
SERVER = "http://localhost:8001"
OUTPUT = ROOT / "out" / "demo.mp4"
LOG = ROOT / "out" / "demo-service.log"
START_TIMEOUT_S = 180

console = Console()


def main() -> None:
    """Run the demo; exits with an error that says where to look."""
    OUTPUT.parent.mkdir(exist_ok=True)
    with running_service(), Hallo2Client(base_url=SERVER) as client:
        started = time.monotonic()
        task_id = client.inference(
            image_path=ROOT / "samples" / "portrait.jpg", audio_path=ROOT / "samples" / "speech.wav"
        )
        client.wait_and_download(task_id, output_path=OUTPUT)
        report(client.status(task_id), time.monotonic() - started)


@contextmanager
def running_service() -> Iterator[None]:
    """Use the service that is up, or start one and stop it afterwards."""
    if is_healthy():
        console.print(f"Using the service that already answers at {SERVER}.")
        yield
        return
    with LOG.open("wb") as log:
        service = subprocess.Popen(
            [sys.executable, "-m", "emo_hallo_ray.cli", "serve"],
            cwd=ROOT,
            # a cluster of its own: Ray would otherwise join one that happens to run on this machine
            env={"RAY_ADDRESS": "local", **os.environ},
            stdout=log,
            stderr=log,
            # a session of its own: Ctrl-C reaches the demo only, which then stops the service in order
            start_new_session=True,
        )
    try:
        with console.status("Starting the service (Ray Serve, half a minute)..."):
            wait_until_healthy(service)
        yield
    finally:
        with console.status("Stopping the service..."):
            stop(service)


def wait_until_healthy(service: subprocess.Popen[bytes]) -> None:
    """Return when the service answers; exit when it died or takes too long."""
    started = time.monotonic()
    while not is_healthy():
        if service.poll() is not None or time.monotonic() - started > START_TIMEOUT_S:
            sys.exit(f"The service did not start; the end of {LOG}:\n{LOG.read_text(errors='replace')[-2000:]}")
        time.sleep(0.25)
    console.print(f"Service up after {time.monotonic() - started:.1f} s: {SERVER}/docs")


def is_healthy() -> bool:
    """Does our service answer?"""
    try:
        answer = httpx.get(f"{SERVER}/health", timeout=2)
        return answer.status_code == 200 and answer.json().get("status") == "healthy"
    except (httpx.HTTPError, ValueError):
        return False


def stop(service: subprocess.Popen[bytes]) -> None:
    """Ask first, insist after a minute."""
    service.terminate()  # not SIGINT, which is ignored where a shell runs us in the background
    try:
        service.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(service.pid, signal.SIGKILL)
        service.wait()


def report(task: Task, seconds: float) -> None:
    """What was made, where it is and what took how long."""
    assert task.result is not None
    result = task.result
    table = Table("stage", "busy", title="Where the time went (stages overlap)")
    for stage, busy in task.stage_seconds.items():
        table.add_row(stage, f"{busy:.2f} s")
    table.add_row("[bold]submission to download[/]", f"[bold]{seconds:.2f} s[/]")
    console.print(table)
    console.print(
        f"[bold green]{OUTPUT}[/]\n"
        f"{result['duration']:.1f} s, {result['frames']} frames at {result['fps']:g} fps, "
        f"{result['width']}×{result['height']}, engine: {result['engine']} ({escape(str(task.engine_reason))})"
    )


if __name__ == "__main__":
    main()
