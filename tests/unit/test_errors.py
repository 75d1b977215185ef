"""The error hierarchy: stable codes, and pickling, since errors cross process borders."""

import pickle

import pytest

from emo_hallo_ray import errors
from emo_hallo_ray.errors import EmoHalloError

CLASSES = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, EmoHalloError)]


@pytest.mark.parametrize("error_class", CLASSES, ids=lambda c: c.__name__)
def test_every_error_survives_pickling(error_class: type[EmoHalloError]) -> None:
    error = error_class("something specific")

    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is error_class
    assert (copy.detail, copy.hint, str(copy)) == (error.detail, error.hint, str(error))
    assert vars(copy) == vars(error)


def test_every_class_has_a_code_of_its_own() -> None:
    codes = [c.code for c in CLASSES]

    assert len(set(codes)) == len(codes)
    assert all(code == code.upper() for code in codes)


def test_the_tree_in_the_docstring_names_every_class() -> None:
    missing = [c.__name__ for c in CLASSES if c.__name__ not in (errors.__doc__ or "")]

    assert missing == []


def test_documented_texts_are_verbatim() -> None:
    assert str(errors.InvalidImageFormat()) == "Invalid image file format"
    assert str(errors.TaskNotCancellable()) == "Task not found in queue or already running"
    assert str(errors.SubmissionFailed("disk full")) == "Failed to submit task: disk full"
