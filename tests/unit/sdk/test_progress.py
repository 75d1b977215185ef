"""Who gets to see progress, and how."""

import sys

import pytest

from emo_hallo.models import Task
from emo_hallo.progress import task_reporter

QUEUED = Task("t", "queued", queue_position=3)
RUNNING = Task("t", "processing", 40, "Running inference [1/2]", eta_seconds=75)


@pytest.mark.parametrize(
    ("progress", "is_terminal", "has_bar"),
    [(None, True, True), (None, False, False), (False, True, False), (True, False, True)],
)
def test_bar_is_drawn_on_terminals_unless_told_otherwise(progress, is_terminal, has_bar, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")

    with task_reporter(progress) as report:
        report(QUEUED)
        report(RUNNING)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("Running inference [1/2]" in captured.err) == has_bar
    assert ("about 1:15 left" in captured.err) == has_bar


def test_own_function_gets_each_state():
    seen: list[Task] = []

    with task_reporter(seen.append) as report:
        report(RUNNING)

    assert seen == [RUNNING]
