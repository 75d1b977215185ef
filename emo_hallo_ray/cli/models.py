"""`emo-hallo models`: the released weights; what there is, how to get it, whether it is whole."""

import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emo_hallo_ray.cli.terminal import BAD_INPUT, FAILURE, leave, note, reported_errors, stdout

if TYPE_CHECKING:
    from emo_hallo_ray.weights.inventory import Finding
    from emo_hallo_ray.weights.manifest import Licence, ModelFile

STATE_STYLES = {"present": "green", "not verified": "yellow", "damaged": "red", "partial": "yellow", "missing": "dim"}

models_app = typer.Typer(
    name="models",
    help="Fetch and check the weights of hallo2 and of super-resolution; the preview engine needs none.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


class WeightsEngine(StrEnum):
    """What the weights are for."""

    HALLO2 = "hallo2"
    SUPER_RESOLUTION = "super-resolution"


Root = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Where they are; by default what EMO_HALLO_WEIGHTS__ROOT says.", file_okay=False
    ),
]
EngineOption = Annotated[WeightsEngine, typer.Option(help="What they are for.")]
All = Annotated[bool, typer.Option("--all", help="For every engine, the optional ones too.")]
Files = Annotated[
    list[str] | None, typer.Argument(metavar="FILE", help="Only these, named as in **emo-hallo models list**.")
]


@models_app.command("list")
def list_models(
    root: Root = None, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False
) -> None:
    """Show every model file: what it is for, its size, its licence, and whether it is here.

    Sizes are approximate. The files are looked at, not read: **emo-hallo models verify** reads them.
    """
    from emo_hallo_ray.weights.inventory import state_of
    from emo_hallo_ray.weights.lock import Lock
    from emo_hallo_ray.weights.manifest import MODEL_FILES

    with reported_errors():
        folder = _folder(root)
        lock = Lock.read(folder)
        states = [(file, str(state_of(file, folder, lock))) for file in MODEL_FILES]
    if as_json:
        report = {"root": str(folder), "files": [_as_data(file, state) for file, state in states]}
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _print_list(states)
        note(f"in {folder}", style="dim")


@models_app.command()
def download(
    files: Files = None,
    engine: EngineOption = WeightsEngine.HALLO2,
    everything: All = False,
    root: Root = None,
    is_agreed: Annotated[bool, typer.Option("--yes", "-y", help="Agree to the licences without being asked.")] = False,
    endpoint: Annotated[
        str | None, typer.Option(envvar="HF_ENDPOINT", metavar="URL", help="A mirror of the Hugging Face hub.")
    ] = None,
) -> None:
    """Fetch what an engine requires; shows the licences and asks before.

    An interrupted download goes on where it stopped, and what is there and right is not fetched again. HF_TOKEN is
    sent to the hub if it is set.

    Example: **emo-hallo models download --engine super-resolution**
    """
    from emo_hallo_ray.weights.download import download as fetch
    from emo_hallo_ray.weights.inventory import State, state_of
    from emo_hallo_ray.weights.lock import Lock

    with reported_errors():
        folder, chosen = _folder(root), _chosen(files, engine, everything, only_required=True)
        lock = Lock.read(folder)
        new = [file for file in chosen if state_of(file, folder, lock) != State.PRESENT]
        if new:
            _ask_consent(new, is_agreed)
        fetch(chosen, folder, endpoint.rstrip("/") if endpoint else None, note)
    note(f"everything asked for is in {folder}", style="green")


@models_app.command()
def verify(
    files: Files = None, engine: EngineOption = WeightsEngine.HALLO2, everything: All = False, root: Root = None
) -> None:
    """Read the files and compare them with the checksums written down when they were downloaded; works offline.

    The exit code is 1 if a required file is missing or not right.
    """
    from emo_hallo_ray.weights.inventory import verify as look_at
    from emo_hallo_ray.weights.lock import Lock

    with reported_errors():
        folder, chosen = _folder(root), _chosen(files, engine, everything, only_required=False)
        lock = Lock.read(folder)
        findings = []
        for file in chosen:
            findings.append(look_at(file, folder, lock))
            _print_finding(findings[-1], root)
    if any(finding.file.is_required and not finding.ok for finding in findings):
        raise typer.Exit(FAILURE)


@models_app.command()
def path(root: Root = None) -> None:
    """Print the folder where the model files are looked for."""
    with reported_errors():
        typer.echo(_folder(root))


def _folder(root: Path | None) -> Path:
    if root is not None:
        return root.expanduser().absolute()
    from emo_hallo_ray.settings import read_settings

    return read_settings().weights.root


def _chosen(names: list[str] | None, engine: WeightsEngine, everything: bool, only_required: bool) -> "list[ModelFile]":
    from emo_hallo_ray.weights.manifest import MODEL_FILES, file_at, files_of

    if names:
        return [file_at(name) or _refuse_name(name) for name in dict.fromkeys(names)]
    if everything:
        return list(MODEL_FILES)
    return [file for file in files_of(engine) if file.is_required or not only_required]


def _refuse_name(name: str) -> Any:
    raise typer.BadParameter(f"no model file is called '{name}'; emo-hallo models list names them all")


def _ask_consent(files: "Sequence[ModelFile]", is_agreed: bool) -> None:
    """Show under which licences the files come, and go on only if a person, or --yes, agrees."""
    total_bytes = sum(file.approximate_bytes for file in files)
    note(f"{len(files)} files, about {_format_size(total_bytes)}, under these licences:")
    _print_licences(files)
    if is_agreed:
        return
    if not _can_ask():
        raise leave("nobody is here to agree to these licences", "add --yes if you do", BAD_INPUT)
    if not typer.confirm("Do you accept these licences?", err=True):
        raise leave("nothing was downloaded")


def _can_ask() -> bool:
    return sys.stdin.isatty()


def _print_licences(files: "Iterable[ModelFile]") -> None:
    by_licence: dict[Licence, list[str]] = {}
    for file in files:
        by_licence.setdefault(file.licence, []).append(file.path)
    for licence, paths in by_licence.items():
        note(f"{_licence_line(licence)}: {licence.url}", style="" if _is_free(licence) else "yellow")
        if licence.remark:
            note(f"  {licence.remark}")
        for name in paths:
            note(f"    {name}", style="dim")


def _is_free(licence: "Licence") -> bool:
    return licence.is_commercial_use_allowed is True


def _licence_line(licence: "Licence") -> str:
    if licence.is_commercial_use_allowed is None:
        return f"licence {licence.name}"
    return licence.name if licence.is_commercial_use_allowed else f"{licence.name} (NON-COMMERCIAL)"


def _print_list(states: "list[tuple[ModelFile, str]]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("file, engine, licence", "size", "state", box=None, header_style="dim")
    table.columns[1].justify = "right"
    for file, state in states:
        # the paths are long: with columns of their own, engine and licence would not fit a terminal of 80 characters
        cell = Text(f"{file.path}\n  {file.engine}{'' if file.is_required else ', optional'}, ")
        cell.append(_licence_line(file.licence), style="dim" if _is_free(file.licence) else "yellow")
        table.add_row(cell, _format_size(file.approximate_bytes), Text(state, style=STATE_STYLES[state]))
    stdout().print(table)


def _print_finding(finding: "Finding", root: Path | None) -> None:
    from rich.text import Text

    line = Text()
    if finding.ok:
        line.append("✓ ", style="green")
    else:
        line.append("✗ ", style="bold red" if finding.file.is_required else "yellow")
    line.append(f"{finding.file.path}: {finding.detail}")
    if finding.remedy:
        where = "" if root is None else f" --root {shlex.quote(str(root))}"
        line.append(f" → {finding.remedy}{where}", style="yellow")
    stdout().print(line, soft_wrap=True)


def _as_data(file: "ModelFile", state: str) -> dict[str, Any]:
    return {
        "file": file.path,
        "purpose": file.purpose,
        "engine": file.engine,
        "is_required": file.is_required,
        "is_default": file.is_default,
        "approximate_bytes": file.approximate_bytes,
        "licence": {
            "name": file.licence.name,
            "url": file.licence.url,
            "is_commercial_use_allowed": file.licence.is_commercial_use_allowed,
            "remark": file.licence.remark,
        },
        "source": {"repository": file.source.repository, "path": file.source.path, "revision": file.source.revision},
        "state": state,
    }


def _format_size(n_bytes: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes} B"
