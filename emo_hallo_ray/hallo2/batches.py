"""Work in batches, and in smaller ones from the moment memory runs out."""

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

logger = logging.getLogger("ray.serve")

ALL = sys.maxsize

Result = TypeVar("Result")


class Batches:
    """How much of one kind of work fits into memory at a time, as far as is known by now.

    Threads may share one. Work is repeated after memory ran out, so it must not draw random numbers.

    Attributes:
        size: at a time; halved, and kept so, when memory runs out.
    """

    def __init__(self, what: str, size: int = ALL, smallest: int = 1) -> None:
        """Take what the size counts, in the words of the log."""
        self.size = size
        self._what = what
        self._smallest = smallest
        self._lock = threading.Lock()

    def map(self, n: int, run: Callable[[slice], Result]) -> list[Result]:
        """What `run` gives for each batch of n items; what was done before memory ran out stays.

        Raises:
            torch.OutOfMemoryError: not even the smallest batch fits.
        """
        results: list[Result] = []
        done = 0

        def run_next(size: int) -> tuple[int, Result]:
            return size, run(slice(done, done + size))

        while done < n:
            size, result = self.attempt(n - done, run_next)
            results.append(result)
            done += size
        return results

    def attempt(self, n: int, run: Callable[[int], Result]) -> Result:
        """What `run` gives for a size of n, or of less where that does not fit.

        Raises:
            torch.OutOfMemoryError: not even the smallest size fits.
        """
        while True:
            size = min(n, self.size)
            try:
                return run(size)
            except torch.OutOfMemoryError as error:
                if size <= self._smallest:
                    raise
                forget(error)
            # only now has the error, with all that it held, gone
            torch.cuda.empty_cache()
            self._shrink(size)

    def _shrink(self, tried: int) -> None:
        with self._lock:
            if self.size < tried:
                return  # another thread was here first
            self.size = max(self._smallest, tried // 2)
            logger.warning("memory ran out: from now on %d %s at a time, not %d", self.size, self._what, tried)


def forget(error: BaseException) -> None:
    """Let go of the tensors that the frames of an error's traceback hold."""
    traceback.clear_frames(error.__traceback__)


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Batches as one tensor; a single one is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)
