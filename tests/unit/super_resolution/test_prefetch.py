import threading
from collections.abc import Iterator

import pytest

from emo_hallo_ray.super_resolution.prefetch import prefetch


def test_items_come_in_order_and_to_the_last() -> None:
    assert list(prefetch(iter(range(100)))) == list(range(100))


def test_items_are_made_while_others_are_used_but_not_too_many() -> None:
    made: list[int] = []
    three_made = threading.Event()

    def items() -> Iterator[int]:
        for i in range(50):
            made.append(i)
            if len(made) == 3:
                three_made.set()
            yield i

    ahead = prefetch(items(), n_ahead=2)
    next(ahead)

    assert three_made.wait(10)
    assert len(made) <= 4  # one used, two waiting, one in the making
    ahead.close()


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("no second")

    ahead = prefetch(items())

    assert next(ahead) == 1
    with pytest.raises(LookupError, match="no second"):
        next(ahead)


def test_closing_stops_the_work_and_closes_the_source() -> None:
    closed_in: list[threading.Thread] = []

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed_in.append(threading.current_thread())

    n_threads = threading.active_count()
    ahead = prefetch(items())
    next(ahead)

    ahead.close()

    assert len(closed_in) == 1
    assert threading.active_count() == n_threads
