"""The error tree: as drawn, and fit to travel between processes."""

import pickle
import re

import pytest

from emo_hallo import errors
from emo_hallo.models import Task

TASK = Task.from_json({"task_id": "t", "status": "failed", "error": "no face", "error_code": "NO_FACE_FOUND"})
SAMPLES = {errors.TaskFailed: (TASK,), errors.TaskCancelled: (TASK,), errors.WaitTimeout: (TASK, 3.0)}


def subclasses(cls: type) -> set[type[errors.HalloError]]:
    return {cls} | {deeper for child in cls.__subclasses__() for deeper in subclasses(child)}


def every_error() -> list[type[errors.HalloError]]:
    return sorted(subclasses(errors.HalloError), key=lambda cls: cls.__name__)


def arguments(cls: type[errors.HalloError]) -> tuple[object, ...]:
    if issubclass(cls, errors.ApiError):
        return ("detail", "hint", 429, "QUEUE_FULL", "r-1", 30.0)
    return SAMPLES.get(cls, ("detail", "hint"))


@pytest.mark.parametrize("cls", every_error())
def test_errors_survive_pickling_with_all_they_carry(cls):
    error = cls(*arguments(cls))

    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is cls
    assert (str(copy), copy.__dict__) == (str(error), error.__dict__)


def test_drawn_tree_is_the_real_one():
    drawn = re.findall(r"^[│├└─ ]*([A-Z]\w+)", errors.__doc__.split("All carry")[0], flags=re.MULTILINE)

    assert sorted(drawn[1:]) == [cls.__name__ for cls in every_error()]


def test_hint_is_part_of_the_text():
    assert str(errors.HalloError("no face", "one face, from the front")) == "no face (one face, from the front)"
