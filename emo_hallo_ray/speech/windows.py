"""What a video frame hears: its own row of speech features and two neighbours on either side."""

from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

RADIUS_ROWS = 2


@overload
def windows(rows: NDArray[np.float32]) -> NDArray[np.float32]: ...
@overload
def windows(rows: "Tensor") -> "Tensor": ...
def windows(rows: Any) -> Any:
    """Give every frame the rows around it, without copying.

    Args:
        rows: (F + 4, L, D), array or tensor: those of F frames, two before and two after.

    Returns:
        (F, 5, L, D), a view: do not write to it.
    """
    width = 2 * RADIUS_ROWS + 1
    if isinstance(rows, np.ndarray):
        return np.moveaxis(np.lib.stride_tricks.sliding_window_view(rows, width, axis=0), -1, 1)
    return rows.unfold(0, width, 1).movedim(-1, 1)
