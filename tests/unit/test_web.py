"""The page's files: words in both languages, nothing from elsewhere, hls.js as it was published."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

import emo_hallo_ray

WEB = Path(emo_hallo_ray.__file__).parent / "web"
OURS = sorted(path for path in WEB.rglob("*") if path.suffix in {".html", ".css", ".js", ".svg"})
WORDS = (WEB / "app" / "words.js").read_text(encoding="utf-8")
HLS_SHA256 = "3d82a88cf9ae0d9aaab3cbe9ff6ecbb64bb89c54a399c34ae9bf8b559baeb20f"  # of the npm package hls.js 1.7.4


def words_of(language: str) -> dict[str, set[str]]:
    """Each name of a dictionary with the places that are filled in."""
    block = WORDS.split(f"const {language} = {{", 1)[1].split("\n};", 1)[0]
    return {name: set(re.findall(r"\{(\w+)\}", text)) for name, text in re.findall(r'^  (\w+): "(.*)",$', block, re.M)}


def test_both_languages_say_the_same_things() -> None:
    english, chinese = words_of("ENGLISH"), words_of("CHINESE")

    assert len(english) > 50
    assert english == chinese


def test_every_word_that_is_asked_for_exists_and_is_used() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in OURS if path.name != "words.js")
    asked = set(re.findall(r'data-t(?:-label)?="(\w+)"', sources)) | set(re.findall(r'say\("(\w+)"', sources))
    mentioned = set(re.findall(r'"(\w+)"', sources))

    assert asked <= words_of("ENGLISH").keys()
    statuses = {"queued", "processing", "completed", "failed", "cancelled"}
    assert words_of("ENGLISH").keys() - mentioned - statuses == set()


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_no_file_names_another_server(path: Path) -> None:
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", path.read_text(encoding="utf-8")))

    assert addresses <= {"http://www.w3.org"}  # SVG's own name


def test_hls_is_as_it_was_published() -> None:
    folder = WEB / "vendor" / "hls"

    assert sha256((folder / "hls.light.min.mjs").read_bytes()).hexdigest() == HLS_SHA256
    assert "Apache License" in (folder / "LICENSE").read_text(encoding="utf-8")
