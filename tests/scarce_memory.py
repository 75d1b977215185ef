"""Memory that runs out where a test says, with the error that torch raises when a GPU's does."""

from collections.abc import Callable
from typing import Any

import torch


class Scarce:
    """Stands before a function whose first argument it measures, and lets through what fits.

    Attributes:
        fits: the largest that does.
        asked: how large each argument was.
    """

    def __init__(self, function: Callable[..., Any], fits: int, measure: Callable[[Any], int] = len) -> None:
        self.fits = fits
        self.asked: list[int] = []
        self._function = function
        self._measure = measure

    def __call__(self, first: Any, *rest: Any, **named: Any) -> Any:
        size = self._measure(first)
        self.asked.append(size)
        if size > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory (injected)")
        return self._function(first, *rest, **named)
