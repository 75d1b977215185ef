"""Talking to the person at the terminal: results on stdout, everything else on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from emo_hallo.errors import BadRequest, HalloError, LocalFileError, TooLarge
from emo_hallo_ray.errors import EmoHalloError, InputError

if TYPE_CHECKING:
    from rich.console import Console

FAILURE, BAD_INPUT = 1, 2
BAD_INPUT_ERRORS = (InputError, BadRequest, TooLarge, LocalFileError)


def stdout() -> "Console":
    """Where results go."""
    from rich.console import Console

    return Console(highlight=False)


def note(message: str, style: str = "") -> None:
    """Say something on stderr, in one line however wide the terminal is."""
    from rich.console import Console

    Console(stderr=True).print(message, style=style, markup=False, highlight=False, soft_wrap=True)


def leave(message: str, hint: str | None = None, exit_code: int = FAILURE) -> typer.Exit:
    """Say in one red line what went wrong; raise the result."""
    note(message if hint is None else f"{message} ({hint})", style="red")
    return typer.Exit(exit_code)


@contextmanager
def reported_errors() -> Iterator[None]:
    """Turn our own errors, and those of disks, into a line and an exit code; others are bugs and keep a traceback."""
    try:
        yield
    except (EmoHalloError, HalloError) as error:
        raise leave(error.detail, error.hint, BAD_INPUT if isinstance(error, BAD_INPUT_ERRORS) else FAILURE) from error
    except OSError as error:
        raise leave(str(error)) from error
