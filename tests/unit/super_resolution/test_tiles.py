"""A picture in tiles is the picture in one piece."""

import pytest
import torch

from emo_hallo_ray.super_resolution.rrdbnet import RRDBNet
from emo_hallo_ray.super_resolution.tiles import SMALLEST_PX, Tiles, enlarge_in_tiles
from tests.scarce_memory import Scarce
from tests.unit.hallo2 import golden
from tests.unit.super_resolution.recorded import generated_weights, released_shapes


@pytest.mark.parametrize(("height", "width"), [(48, 48), (50, 130), (97, 65)])
def test_whatever_looks_at_single_pixels_sees_no_tiles(height: int, width: int):
    picture = torch.rand(1, 3, height, width)

    def enlarge(part: torch.Tensor) -> torch.Tensor:
        assert max(part.shape[-2:]) <= 48 + 2 * 32
        return torch.nn.functional.interpolate(part, scale_factor=2.0, mode="nearest")

    assert torch.equal(
        enlarge_in_tiles(enlarge, picture, 2, tile_px=48), picture.repeat_interleave(2, 2).repeat_interleave(2, 3)
    )


def test_the_full_network_shows_no_seams():
    shapes, recipe = released_shapes("realesrgan_x2plus"), golden.config("rrdbnet")["recipe"]
    network = RRDBNet(shapes)
    network.load_state_dict(generated_weights(shapes, recipe["seed"], recipe["gains"]))
    torch.manual_seed(0)
    picture = torch.nn.functional.interpolate(torch.rand(1, 3, 16, 28), size=(128, 224), mode="bicubic").clamp(0, 1)
    with torch.inference_mode():
        whole = network(picture)
        tiled = enlarge_in_tiles(network, picture, 2, tile_px=64)
    difference = float((tiled - whole).abs().max() / whole.abs().max())
    assert 0 < difference < 1e-5


def nearest(part: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.interpolate(part, scale_factor=2.0, mode="nearest")


def test_tiles_too_large_for_memory_are_halved_and_stay_small():
    picture = torch.rand(1, 3, 200, 420)
    tiles, memory = Tiles(512), Scarce(nearest, fits=200 * 180, measure=lambda part: part[0, 0].numel())

    for _ in range(2):
        assert torch.equal(tiles.enlarge(memory, picture, 2), nearest(picture))

    assert memory.asked[:2] == [200 * 420, 200 * (210 + 32)]
    assert sum(size > memory.fits for size in memory.asked) == 2
    assert tiles.side.size == 105


def test_the_smallest_tiles_are_the_last_that_are_tried():
    tiles, memory = Tiles(512), Scarce(nearest, fits=0, measure=lambda part: part[0, 0].numel())

    with pytest.raises(torch.OutOfMemoryError):
        tiles.enlarge(memory, torch.rand(1, 3, 300, 300), 2)

    assert tiles.side.size == SMALLEST_PX
