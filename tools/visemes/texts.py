"""What the voices read: Python's own documentation, and short texts in the languages of texts.toml."""

import importlib
import inspect
import random
import re
import tomllib
import warnings
from functools import cache
from pathlib import Path

MODULES = (
    "argparse asyncio collections csv datetime decimal email.message fractions functools heapq http.client inspect "
    "ipaddress itertools json logging os pathlib pickle random re sched selectors shutil socket ssl statistics string "
    "subprocess tarfile tempfile textwrap threading tkinter turtle typing unittest urllib.request uuid zipfile"
)
SENTENCE_CHARACTERS = (30, 110)
PHRASE_WORDS = (6, 11)


@cache
def documentation_sentences() -> tuple[str, ...]:
    """English from the standard library's docstrings, sorted; a little different with each Python."""
    sentences: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # modules warn about old names of their own
        for module in MODULES.split():
            sentences.update(_sentences_of(module))
    return tuple(sorted(sentences))


def _sentences_of(module: str) -> set[str]:
    try:
        documented = importlib.import_module(module)
    except ImportError:
        return set()  # such as tkinter where Debian's python3-tk is missing
    pages = [inspect.getdoc(documented) or ""]
    for _, member in inspect.getmembers(documented):
        if not (inspect.isclass(member) or inspect.isroutine(member)):
            continue
        pages.append(inspect.getdoc(member) or "")
        if inspect.isclass(member):
            pages.extend(inspect.getdoc(method) or "" for _, method in inspect.getmembers(member, inspect.isroutine))
    low, high = SENTENCE_CHARACTERS
    return {
        sentence
        for page in pages
        for part in re.split(r"[.;:]\s|\n\n", page)
        if low < len(sentence := " ".join(re.sub(r"[^A-Za-z,' ]", " ", part.replace("\n", " ")).split())) < high
        and sentence.count(" ") >= 4
    }


@cache
def language_sentences(language: str) -> tuple[str, ...]:
    """The sentences of texts.toml, which is written in the language's own script."""
    texts = tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))
    return tuple(sentence for text in texts[language] for sentence in re.split(r"(?<=[.!?।。])\s*", text) if sentence)


def draw_text(language: str, rng: random.Random) -> str:
    """A sentence, or words of the language in a new order, so that sounds meet many neighbours."""
    if language == "en" and rng.random() < 0.8:
        return rng.choice(documentation_sentences())
    sentences = language_sentences(language)
    words = [word for sentence in sentences for word in sentence.split()]
    if len(words) < len(sentences) * 3 or rng.random() < 0.3:
        return rng.choice(sentences)
    return " ".join(rng.sample(words, min(len(words), rng.randint(*PHRASE_WORDS)))) + "."
