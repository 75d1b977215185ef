"""The golden case `masks`, recorded from the original: boxes, masks, levels and pixels."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from emo_hallo_ray.faces.landmarks import OVAL
from emo_hallo_ray.faces.regions import (
    FACE_EXPANSION,
    FACE_KERNEL_PX,
    LIP_EXPANSION,
    LIP_KERNEL_PX,
    LIPS,
    Box,
    Regions,
    attention_levels,
    blur,
    expand,
    face_box,
    lip_box,
    resize,
    separate,
)

GOLDEN = Path(__file__).parents[2] / "data" / "parity" / "masks"
CONFIG: dict[str, Any] = json.loads((GOLDEN / "config.json").read_text())
CASES = CONFIG["cases"]
OVERSIZED = 3  # its face box is longer than the picture: there we differ
USUAL = [case for case in CASES if case["index"] != OVERSIZED]
INPUTS = load_file(GOLDEN / "inputs.safetensors")
OUTPUTS = load_file(GOLDEN / "outputs.safetensors")

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
usual_case = pytest.mark.parametrize("case", USUAL, ids=lambda case: case["name"])


def masks(case: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Hard masks of face and lips."""
    points, size = INPUTS[f"{case['index']}.landmarks"], (case["height"], case["width"])
    face = face_box(points, *size, case["face_expand_ratio"])
    return face.fill(*size), lip_box(points, *size, case["lip_expand_ratio"]).fill(*size)


def regions(case: dict[str, Any]) -> Regions:
    return separate(*masks(case))


def golden_box(region: dict[str, Any]) -> Box:
    left, right, top, bottom = region["out"]
    return Box(left, top, right, bottom)


def differ(actual: np.ndarray, expected: np.ndarray) -> int:
    """The largest difference in bytes."""
    assert actual.shape == expected.shape
    return int(np.abs(actual.astype(int) - expected.astype(int)).max())


def as_bytes(level: np.ndarray) -> np.ndarray:
    assert level.dtype == np.float32
    return np.rint(level * 255).astype(np.uint8)


def test_landmarks_blurs_and_expansions_are_the_originals() -> None:
    assert set(OVAL) == set(CONFIG["silhouette_ids"])
    assert len(LIPS) == 20
    assert set(LIPS) == set(CONFIG["lip_ids"])
    assert CONFIG["blur_kernel_face"] == FACE_KERNEL_PX
    assert CONFIG["blur_kernel_lip"] == LIP_KERNEL_PX
    assert CASES[0]["face_expand_ratio"] == FACE_EXPANSION
    assert CASES[0]["lip_expand_ratio"] == LIP_EXPANSION


def test_boxes_are_expanded_and_moved_as_in_the_original() -> None:
    rows = json.loads((GOLDEN / "expand_region.json").read_text())["rows"]

    for (left, right, top, bottom), width, height, ratio, (x0, x1, y0, y1) in rows:
        # ours never begins before the picture; in all else they are equal
        assert expand(left, right, width, ratio) == (max(0, x0), x1)
        assert expand(top, bottom, height, ratio) == (max(0, y0), y1)
    assert len(rows) == 60


@usual_case
def test_boxes_enclose_what_the_original_encloses(case: dict[str, Any]) -> None:
    points, size = INPUTS[f"{case['index']}.landmarks"], (case["height"], case["width"])

    assert face_box(points, *size, case["face_expand_ratio"]) == golden_box(case["face_region"])
    assert lip_box(points, *size, case["lip_expand_ratio"]) == golden_box(case["lip_region"])


@usual_case
def test_hard_masks_are_the_originals(case: dict[str, Any]) -> None:
    face, lip = masks(case)

    assert np.array_equal(np.packbits(face > 0), OUTPUTS[f"{case['index']}.face_mask.packed"])
    assert np.array_equal(np.packbits(lip > 0), OUTPUTS[f"{case['index']}.lip_mask.packed"])


@pytest.mark.parametrize("index", range(3))
def test_blur_is_the_originals(index: int) -> None:
    assert (
        differ(blur(INPUTS[f"blur.{index}"], CONFIG["blur_kernels_standalone"][index]), OUTPUTS[f"blur.{index}"]) == 0
    )


@usual_case
def test_regions_are_the_originals(case: dict[str, Any]) -> None:
    ours = regions(case)

    assert differ(blur(masks(case)[0], FACE_KERNEL_PX), OUTPUTS[f"{case['index']}.face_mask_blur"]) == 0
    assert differ(ours.full, OUTPUTS[f"{case['index']}.sep_background"]) == 0
    assert differ(ours.face, OUTPUTS[f"{case['index']}.sep_face"]) == 0
    assert differ(ours.lip, OUTPUTS[f"{case['index']}.sep_lip"]) == 0


@usual_case
@pytest.mark.parametrize("frame_px", [64, 512])
@pytest.mark.parametrize("region", ["full", "face", "lip"])
def test_attention_levels_are_the_originals(case: dict[str, Any], frame_px: int, region: str) -> None:
    ours = getattr(regions(case), region)

    levels = [as_bytes(level) for level in attention_levels(ours, frame_px)]

    assert len(levels) == 4
    if frame_px == 512:  # there the finest level is the region itself, and not recorded twice
        assert np.array_equal(levels.pop(0), ours.reshape(1, -1))
    for level, pixels in enumerate(levels, start=1 if frame_px == 512 else 0):
        assert differ(pixels, OUTPUTS[f"{case['index']}.{region}_{frame_px}.{level}"]) == 0


@usual_case
def test_face_region_is_the_originals(case: dict[str, Any]) -> None:
    assert differ(resize(masks(case)[0], 64, 64), OUTPUTS[f"{case['index']}.face_region_64_u8"]) == 0


@pytest.mark.parametrize(
    ("size", "golden", "tolerance"),
    [
        ((64, 64), "0.pixel_values_64_u8", 0),
        # Pillow has since changed which direction comes first, and rounds in between
        ((64, 96), "nonsquare_64_96.pixel_values_u8", 1),
    ],
)
def test_pixels_are_the_originals(size: tuple[int, int], golden: str, tolerance: int) -> None:
    assert differ(resize(INPUTS["0.image"], *size).transpose(2, 0, 1), OUTPUTS[golden]) <= tolerance


def test_attention_levels_follow_the_width_as_in_the_original() -> None:
    second = attention_levels(regions(CASES[0]).full, 64)[1]

    assert differ(as_bytes(second), OUTPUTS["nonsquare_64_96.full.1"]) == 0


def test_lips_of_a_face_that_is_larger_than_the_picture_are_the_originals() -> None:
    case = CASES[OVERSIZED]
    lip = masks(case)[1]

    assert np.array_equal(np.packbits(lip > 0), OUTPUTS["3.lip_mask.packed"])
    assert differ(regions(case).lip, OUTPUTS["3.sep_lip"]) == 0
    for frame_px, first in ((64, 0), (512, 1)):
        for level, pixels in enumerate(attention_levels(regions(case).lip, frame_px)):
            assert level < first or differ(as_bytes(pixels), OUTPUTS[f"3.lip_{frame_px}.{level}"]) == 0


def test_face_that_is_larger_than_the_picture_is_all_of_it() -> None:
    case = CASES[OVERSIZED]

    assert face_box(INPUTS["3.landmarks"], 112, 96, 1.2) == Box(0, 0, 96, 112)
    ours = regions(case)
    assert np.all(resize(masks(case)[0], 64, 64) == 255)
    assert np.all(ours.full == 0)
    assert np.array_equal(ours.face, 255 - ours.lip)
    # the original's strip in a corner, in numbers
    assert OUTPUTS["3.sep_face"].mean() < 20
    assert ours.face.mean() > 150
