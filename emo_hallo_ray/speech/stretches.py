"""Rows of any frames of a recording of any length, encoded in bounded stretches on a fixed grid."""

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.speech.encoder import SpeechEncoder
from emo_hallo_ray.speech.recording import Recording

STRETCH_ROWS = 1504  # 60 s in whole clips
CONTEXT_ROWS = 250  # 10 s
N_KEPT = 2  # 55 MB each


class StretchEncoder:
    """Encodes a stretch when a row of it is asked for, and keeps the last two.

    A recording of up to 60 s is one stretch, as in the original. In a longer one, each stretch also sees the nearest
    10 s of its neighbours, where the original sees nothing. How segments are cut changes nothing, not by one bit.

    Nothing before attention depends on stretches. What attention misses beyond them, measured on two minutes as a share
    of how rows vary: 2 % for random weights that attend evenly, 12 % for random ones that attend sharply, no more at
    the seam than elsewhere; without context it would be 22 and 26 % at the seam. Trained weights should miss less, as
    they listen to what is near, but we had none to measure; `benchmarks.speech_windows` takes them.
    """

    def __init__(self, encoder: SpeechEncoder) -> None:
        self._encoder = encoder
        self._kept: OrderedDict[tuple[object, ...], NDArray[np.float32]] = OrderedDict()

    def rows(self, recording: Recording, first_row: int, n_rows: int) -> NDArray[np.float32]:
        """(n_rows, L, D). Rows before the first and after the last of the recording repeat those."""
        indices = np.arange(first_row, first_row + n_rows).clip(0, recording.length.n_rows - 1)
        stretches = np.unique(indices // STRETCH_ROWS)
        parts = [self._stretch(recording, i)[indices[indices // STRETCH_ROWS == i] % STRETCH_ROWS] for i in stretches]
        return np.concatenate(parts)

    def _stretch(self, recording: Recording, i: int) -> NDArray[np.float32]:
        statistics = recording.statistics
        key = (recording.path, recording.length, statistics.mean, statistics.variance, i)
        if key not in self._kept:
            while len(self._kept) >= N_KEPT:
                self._kept.popitem(last=False)
            first_row = i * STRETCH_ROWS
            n_rows = min(STRETCH_ROWS, recording.length.n_rows - first_row)
            self._kept[key] = self._encoder.encode(recording, first_row, n_rows, CONTEXT_ROWS)
        self._kept.move_to_end(key)
        return self._kept[key]
