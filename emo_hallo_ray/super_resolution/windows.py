"""A stream in overlapping windows: the restorer looks at neighbouring frames, sixteen at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

N_WINDOW = 16  # what Hallo2's restorer was trained on
N_OVERLAP = 4

Item = TypeVar("Item")


@dataclass(frozen=True)
class Window(Generic[Item]):
    """Consecutive items, the first of which were the end of the window before: their results are out already."""

    items: tuple[Item, ...]
    n_known: int


class WindowCutter(Generic[Item]):
    """Cuts windows as soon as they are full.

    The last one is filled up with more known items than the overlap, where there are any, so that it is as long as the
    others.

    Args:
        known: items before the stream, whose results are out; the last of them begin the first window.
        waiting: items taken in before that were in no window yet.
    """

    def __init__(self, known: Sequence[Item] = (), waiting: Sequence[Item] = ()) -> None:
        self.known = list(known)[-(N_WINDOW - 1) :]
        self.waiting = list(waiting)

    def push(self, items: Sequence[Item]) -> list[Window[Item]]:
        """Take items; the windows that are full now."""
        self.waiting += items
        windows = []
        while len(overlap := self.known[-N_OVERLAP:]) + len(self.waiting) >= N_WINDOW:
            windows.append(self._cut(overlap, N_WINDOW - len(overlap)))
        return windows

    def finish(self) -> list[Window[Item]]:
        """The window of what is left, if anything is. The stream may go on; then only the overlap is known."""
        n_left = len(self.waiting)
        windows = [self._cut(self.known[n_left - N_WINDOW :], n_left)] if n_left else []
        self.known = self.known[-N_OVERLAP:]
        return windows

    def _cut(self, overlap: list[Item], n_new: int) -> Window[Item]:
        new, self.waiting = self.waiting[:n_new], self.waiting[n_new:]
        self.known = (self.known + new)[-(N_WINDOW - 1) :]
        return Window((*overlap, *new), len(overlap))
