"""The README's table of settings, made from the settings themselves: `python -m tools.settings_table` rewrites it."""

import re
from pathlib import Path

from pydantic import SecretStr

from emo_hallo_ray.settings import Section, Settings

README = Path(__file__).resolve().parent.parent / "README.md"
HEAD = "| setting | default | |\n| --- | --- | --- |\n"


def settings_table() -> str:
    """A Markdown table of every setting, its default and what it means."""
    rows = []
    for section_name, section in Settings.model_fields.items():
        if isinstance(section.annotation, type) and issubclass(section.annotation, Section):
            for name, field in section.annotation.model_fields.items():
                rows.append((f"{section_name}.{name}", field.default, field.description or ""))
        else:
            rows.append((section_name, section.default, section.description or ""))
    return HEAD + "".join(f"| `{name}` | `{_show(default)}` | {text} |\n" for name, default, text in rows)


def _show(default: object) -> str:
    if isinstance(default, SecretStr):
        return repr(default.get_secret_value())  # no secret is a default
    return str(default) if isinstance(default, (str, Path)) and str(default) else repr(default)


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    pattern = re.compile(r"\| setting \| default.*?\n(?!\|)", re.DOTALL)
    README.write_text(pattern.sub(lambda _: settings_table(), text, count=1), encoding="utf-8")
