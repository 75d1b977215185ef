"""A large picture through a network in tiles: the memory is a tile's."""

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor

from emo_hallo_ray.hallo2.batches import Batches

# of a tile, computed and thrown away on each side that another tile continues. With random weights, the difference from
# the picture in one piece is 3 % of the largest value with 8, 1e-4 with 16, and rounding from 24 on; trained ones may
# look further
MARGIN_PX = 32
SMALLEST_PX = 64  # of a tile: then a network sees four times the pixels that it is asked for


class Tiles:
    """Pictures in tiles of a side, and in smaller ones from the moment memory runs out."""

    def __init__(self, side_px: int) -> None:
        self.side = Batches("pixels along the background's tiles", side_px, SMALLEST_PX)

    def enlarge(self, network: Callable[[Tensor], Tensor], picture: Tensor, factor: int) -> Tensor:
        """See `enlarge_in_tiles`.

        Raises:
            torch.OutOfMemoryError: not even the smallest tiles fit.
        """
        longest = max(picture.shape[-2:])
        return self.side.attempt(longest, lambda side_px: enlarge_in_tiles(network, picture, factor, side_px))


def enlarge_in_tiles(network: Callable[[Tensor], Tensor], picture: Tensor, factor: int, tile_px: int) -> Tensor:
    """What `network` makes of a picture, (1, 3, H, W) → (1, 3, factor·H, factor·W).

    Args:
        tile_px: side of the parts that the result is made of; a network sees `MARGIN_PX` more around them.
    """
    height, width = picture.shape[-2:]
    if max(height, width) <= tile_px:
        return network(picture)
    result = picture.new_empty((*picture.shape[:-2], factor * height, factor * width))
    for top, bottom in _spans(height, tile_px):
        for left, right in _spans(width, tile_px):
            above, before = min(MARGIN_PX, top), min(MARGIN_PX, left)
            seen = picture[..., top - above : bottom + MARGIN_PX, left - before : right + MARGIN_PX]
            made = network(seen)[..., factor * above :, factor * before :]
            result[..., factor * top : factor * bottom, factor * left : factor * right] = made[
                ..., : factor * (bottom - top), : factor * (right - left)
            ]
    return result


def _spans(length: int, tile_px: int) -> list[tuple[int, int]]:
    """Parts of equal length, even starts: the network halves the picture first."""
    n_parts = -(-length // tile_px)
    edges = [2 * round(length * i / n_parts / 2) for i in range(n_parts)] + [length]
    return list(pairwise(edges))
