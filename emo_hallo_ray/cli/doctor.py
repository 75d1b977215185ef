"""`emo-hallo doctor`: what works here, what does not, and what to do about it."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from emo_hallo_ray.cli.terminal import FAILURE, note, reported_errors, stdout

if TYPE_CHECKING:
    from emo_hallo_ray.cli.checks import Check


def doctor(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Check this machine, and say how to mend what is missing.

    The exit code is 0 if the preview engine can run, which needs no GPU and no weights.
    """
    from emo_hallo_ray.cli.checks import run_checks

    with reported_errors():
        checks = run_checks()
    can_run_preview = all(check.ok for check in checks if check.is_required)
    if as_json:
        report = {"can_run_preview": can_run_preview, "checks": [asdict(check) for check in checks]}
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _print_table(checks)
        _print_verdict(can_run_preview)
    raise typer.Exit(0 if can_run_preview else FAILURE)


def _print_table(checks: "list[Check]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 1))
    for check in checks:
        detail = Text(check.detail)
        if check.remedy:
            detail.append(f"\n→ {check.remedy}", style="yellow")
        table.add_row(_mark(check), Text(check.name, no_wrap=True), detail)
    stdout().print(table)


def _mark(check: "Check") -> str:
    if check.ok:
        return "[green]✓[/]"
    return "[bold red]✗[/]" if check.is_required else "[yellow]✗[/]"


def _print_verdict(can_run_preview: bool) -> None:
    if can_run_preview:
        note("ready: the preview engine can run here", style="green")
    else:
        note("not ready: mend what is marked red", style="red")
