"""Work that runs ahead: an iterator's items made in a thread while the last ones are used."""

import threading
from collections.abc import Generator, Iterable
from queue import Full, Queue
from typing import TypeVar

Item = TypeVar("Item")

POLL_S = 0.1


class _End:
    """The last thing in the queue, with the error that ended the items if there was one."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def prefetch(items: Iterable[Item], n_ahead: int = 2) -> Generator[Item]:
    """Yield `items`, which a thread of their own makes, at most `n_ahead` of them in advance.

    Their error is raised here, in its turn. Closing the generator stops the thread, after the item that it is making,
    and closes `items` in that thread if they are a generator.
    """
    queue: Queue[Item | _End] = Queue(n_ahead)
    is_closed = threading.Event()
    maker = threading.Thread(target=_fill, args=(queue, items, is_closed), daemon=True)
    maker.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        is_closed.set()
        maker.join()


def _fill(queue: "Queue[Item | _End]", items: Iterable[Item], is_closed: threading.Event) -> None:
    end = _End()
    try:
        for item in items:
            if not _put(queue, item, is_closed):
                break
    except BaseException as error:  # whatever it is, it is the consumer's to hear
        end = _End(error)
    finally:
        if isinstance(items, Generator):
            items.close()
    _put(queue, end, is_closed)


def _put(queue: "Queue[Item | _End]", item: "Item | _End", is_closed: threading.Event) -> bool:
    """Wait for room, or for nobody to be interested any more."""
    while not is_closed.is_set():
        try:
            queue.put(item, timeout=POLL_S)
        except Full:
            continue
        return True
    return False
