"""docs/CLI.md, made from what every command says of itself: `python -m tools.cli_reference` writes it."""

import os
import subprocess
import sys
from pathlib import Path

PATH = Path(__file__).resolve().parent.parent / "docs" / "CLI.md"
WIDTH = 110
HEAD = """# The command line

What `emo-hallo` and each of its commands say with `--help`; `python -m tools.cli_reference` writes this page.

Commands, options and their choices are completed by the shell once you have said so:

```
emo-hallo --install-completion
```
"""
COMMANDS = (
    *(("doctor",), ("render",), ("upscale",), ("bench",), ("serve",), ("key",), ("repair",)),
    *(("models",), ("models", "list"), ("models", "download"), ("models", "verify"), ("models", "path")),
    *(("submit",), ("status",), ("logs",), ("cancel",)),
)


def help_of(*command: str) -> str:
    """What a command says, without colours, at a fixed width."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EMO_HALLO_")}
    environ |= {"COLUMNS": str(WIDTH), "TERMINAL_WIDTH": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}
    arguments = [sys.executable, "-m", "emo_hallo_ray.cli", *command, "--help"]
    done = subprocess.run(arguments, env=environ, capture_output=True, text=True, check=True, timeout=60)
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip()


def write_reference() -> str:
    """The whole page."""
    parts = [HEAD, _section("emo-hallo", help_of())]
    parts += [_section(f"emo-hallo {' '.join(command)}", help_of(*command)) for command in COMMANDS]
    return "\n".join(parts)


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n```text\n{text}\n```\n"


if __name__ == "__main__":
    PATH.write_text(write_reference(), encoding="utf-8")
