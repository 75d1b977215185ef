"""Completion as a real bash does it, with the script that the program gives out."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BASH = shutil.which("bash")
FOLDER = Path(sys.executable).parent
COMPLETE = """
eval "$(emo-hallo --show-completion bash)"
COMP_WORDS=({words}) COMP_CWORD={last}
_emo_hallo_completion emo-hallo
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(BASH is None, reason="not installed: bash")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["emo-hallo", "sub"], {"submit"}),
        (["emo-hallo", "models", "do"], {"download"}),
        (["emo-hallo", "submit", "--webhook"], {"--webhook-url", "--webhook-events"}),
        (["emo-hallo", "submit", "--engine", ""], {"auto", "hallo2", "preview"}),
        (["emo-hallo", "render", "--preset", "b"], {"balanced"}),
    ],
    ids=["a command", "an inner command", "options", "choices", "a choice"],
)
def test_the_shell_completes(typed: list[str], expected: set[str]) -> None:
    words = " ".join(f"'{word}'" for word in typed)
    script = COMPLETE.format(words=words, last=len(typed) - 1)
    # typer asks which shell it is in, and believes this
    environ = os.environ | {"PATH": f"{FOLDER}{os.pathsep}{os.environ['PATH']}", "SHELL": str(BASH)}

    done = subprocess.run([str(BASH), "-c", script], env=environ, capture_output=True, text=True, timeout=60)

    assert set(done.stdout.split()) == expected, done.stderr
