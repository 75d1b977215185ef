"""Frames on their way to and from ffmpeg: RGB in memory, H.264's colours outside."""

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

# ffmpeg's default matrix is that of standard definition, and its default arithmetic is fast rather than exact
SCALER = "flags=bicubic+accurate_rnd+full_chroma_int"
RGB_TO_YUV = (
    f"scale=in_range=pc:out_range=tv:out_color_matrix=bt709:{SCALER},format=yuv420p,"
    "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
)
YUV_TO_RGB = f"scale=in_range=tv:out_range=pc:in_color_matrix=bt709:{SCALER},format=rgb24"

Frames = NDArray[np.uint8]  # (F, H, W, 3) RGB


class FrameWriter:
    """Turns blocks of frames into bytes, counting them and checking that their shape stays the same."""

    def __init__(self, frame_shape: tuple[int, ...]) -> None:
        self.n_frames = 0
        self.height_px, self.width_px, _ = self._frame_shape = frame_shape
        if self.height_px % 2 or self.width_px % 2:
            raise ValueError(f"frames are {self.width_px}×{self.height_px}; 4:2:0 video needs even sides")

    def to_bytes(self, blocks: Iterable[Frames]) -> Iterator[memoryview]:
        """Yield the bytes of each block, without copying them where they lie in one piece."""
        for block in blocks:
            if block.dtype != np.uint8 or block.shape[1:] != self._frame_shape:
                raise ValueError(f"frames are {block.dtype} {block.shape[1:]}, uint8 {self._frame_shape} was expected")
            self.n_frames += len(block)
            yield np.ascontiguousarray(block).data.cast("B")


def split_first(blocks: Iterable[Frames]) -> tuple[Frames | None, Iterator[Frames]]:
    """The first block that has frames, to see their size, and all such blocks, that one included."""
    filled = (block for block in blocks if len(block))
    first = next(filled, None)
    return first, filled if first is None else chain([first], filled)
