import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from deployments.logs import logger, note_task
from tests.unit.test_pipeline import make_task


class Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    keeper = Keeper()
    logger.addHandler(keeper)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield keeper.records
    logger.setLevel(level)
    logger.removeHandler(keeper)


def test_lines_about_a_task_say_which_and_who_asked_for_it(records: list[logging.LogRecord]) -> None:
    logger.info("before")
    task = replace(make_task((), 1), request_id="r-1")
    note_task(task)
    logger.info("about it")

    assert not hasattr(records[0], "task")
    assert (records[1].task, records[1].origin_request_id) == (task.task_id, "r-1")  # type: ignore[attr-defined]


def test_what_the_library_says_is_heard_too(records: list[logging.LogRecord]) -> None:
    note_task(make_task((), 1))
    logging.getLogger("emo_hallo_ray.media.encoder").warning("nvenc does not work here")

    assert records[-1].getMessage() == "nvenc does not work here"
    assert records[-1].task == make_task((), 1).task_id  # type: ignore[attr-defined]
