"""Batches: whole results, one warning for each step down, nothing held of what failed."""

import logging
import weakref

import pytest
import torch

from emo_hallo_ray.hallo2.batches import Batches, joined
from tests.scarce_memory import Scarce


def doubled(batches: Batches, x: torch.Tensor, memory: Scarce) -> torch.Tensor:
    return joined(batches.map(len(x), lambda part: memory(x[part]) * 2))


def identity(x: torch.Tensor) -> torch.Tensor:
    return x


@pytest.mark.parametrize("n", [1, 3, 8, 21])
@pytest.mark.parametrize("fits", [1, 2, 3, 100])
def test_whatever_fits_every_item_is_there_once_and_in_order(n: int, fits: int) -> None:
    x = torch.arange(n)

    assert torch.equal(doubled(Batches("things", 8), x, Scarce(identity, fits)), 2 * x)


def test_where_all_fits_everything_is_done_once_in_full_batches() -> None:
    memory = Scarce(identity, fits=8)

    doubled(Batches("things", 8), torch.arange(21), memory)

    assert memory.asked == [8, 8, 5]


def test_only_what_failed_is_repeated_and_the_smaller_size_stays() -> None:
    batches, memory = Batches("things", 8), Scarce(identity, fits=8)
    doubled(batches, torch.arange(8), memory)

    memory.fits = 3
    doubled(batches, torch.arange(8), memory)
    doubled(batches, torch.arange(4), memory)

    assert memory.asked == [8, *(8, 4, 2, 2, 2, 2), *(2, 2)]
    assert batches.size == 2


def test_each_step_down_is_one_warning_with_both_sizes(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ray.serve"):
        doubled(Batches("things", 8), torch.arange(40), Scarce(identity, fits=3))

    assert [record.getMessage() for record in caplog.records] == [
        "memory ran out: from now on 4 things at a time, not 8",
        "memory ran out: from now on 2 things at a time, not 4",
    ]


def test_half_of_what_was_there_and_not_of_what_would_be_allowed_is_tried_next() -> None:
    memory = Scarce(identity, fits=1)

    doubled(Batches("things"), torch.arange(3), memory)

    assert memory.asked == [3, 1, 1, 1]


def test_what_is_too_much_in_the_smallest_size_is_torchs_error_and_later_work_may_fit_again() -> None:
    batches, memory = Batches("things", 8, smallest=3), Scarce(identity, fits=2)

    with pytest.raises(torch.OutOfMemoryError):
        doubled(batches, torch.arange(8), memory)
    assert memory.asked == [8, 4, 3]

    memory.fits = 8
    assert len(doubled(batches, torch.arange(8), memory)) == 8


def test_a_repetition_finds_the_tensors_of_the_failure_gone() -> None:
    held: list[weakref.ref[torch.Tensor]] = []
    alive: list[bool] = []

    def run(size: int) -> None:
        alive.append(any(reference() is not None for reference in held))
        large = torch.zeros(size)
        held.append(weakref.ref(large))
        if size > 1:
            raise torch.OutOfMemoryError

    Batches("things", 4).attempt(4, run)

    assert alive == [False] * 3
