"""docs/CLI.md and the program agree, and the page has every command."""

from typer.main import get_command

from emo_hallo_ray.cli import app
from tools.cli_reference import COMMANDS, PATH, write_reference


def test_the_page_is_what_the_commands_say():
    assert PATH.read_text(encoding="utf-8") == write_reference(), "run python -m tools.cli_reference"


def test_the_page_has_every_command():
    commands = get_command(app).commands
    names = {(name,) for name in commands}
    names |= {(name, inner) for name, command in commands.items() for inner in getattr(command, "commands", {})}

    assert set(COMMANDS) == names
