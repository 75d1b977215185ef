"""Progress for people: a bar on stderr, where stderr is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from emo_hallo.models import Task

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

# percent, message, seconds left if known
Update = Callable[[float, str, float | None], None]
Progress = Callable[[Task], None] | bool | None


@contextmanager
def task_reporter(progress: Progress) -> Iterator[Callable[[Task], None]]:
    """Something to tell each state of a task to.

    Args:
        progress: a function of your own, True for the bar, False for silence; None shows the bar on terminals only.
    """
    if callable(progress):
        yield progress
    elif progress or (progress is None and sys.stderr.isatty()):
        with progress_bar() as update:
            yield lambda task: update(task.progress, _describe(task), task.eta_seconds)
    else:
        yield lambda task: None


@contextmanager
def progress_bar() -> Iterator[Update]:
    """Draw a bar on stderr until the block ends."""
    from rich.console import Console
    from rich.progress import Progress as RichProgress

    with RichProgress(*_columns(), console=Console(stderr=True), transient=True) as bar:
        row = bar.add_task("", total=100, remaining="")

        def update(percent: float, message: str, remaining_s: float | None = None) -> None:
            bar.update(row, completed=percent, description=message, remaining=_format_remaining(remaining_s))

        yield update


def _columns() -> "list[ProgressColumn]":
    from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

    return [
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[remaining]}", markup=False),
    ]


def _describe(task: Task) -> str:
    if task.status == "queued" and task.queue_position is not None:
        return f"queued, number {task.queue_position} in line"
    return task.status_message or task.status


def _format_remaining(remaining_s: float | None) -> str:
    if remaining_s is None:
        return ""
    minutes, seconds = divmod(round(remaining_s), 60)
    return f"about {minutes}:{seconds:02} left"
