import numpy as np
import pytest

from emo_hallo_ray.super_resolution.mask import CELL_PX, face_mask


def oval(centre_x: float = 256, centre_y: float = 310, radius: float = 150) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    return np.stack([centre_x + radius * np.cos(angle), centre_y + radius * np.sin(angle)], axis=1)


def test_mask_is_full_on_the_face_and_empty_at_the_border() -> None:
    mask = face_mask(oval())

    assert mask[240 // CELL_PX : 400 // CELL_PX, 180 // CELL_PX : 330 // CELL_PX].min() > 0.99
    assert not mask[0].any() and not mask[-1].any() and not mask[:, 0].any() and not mask[:, -1].any()


def test_mask_rises_without_a_step() -> None:
    mask = face_mask(oval())

    assert np.abs(np.diff(mask, axis=0)).max() < 0.2
    assert np.abs(np.diff(mask, axis=1)).max() < 0.2


def test_face_larger_than_the_crop_still_fades_at_the_border() -> None:
    mask = face_mask(oval(radius=900))

    assert mask[64, 64] == pytest.approx(1)
    assert mask[:, 0].max() == 0
    assert np.abs(np.diff(mask, axis=1)).max() < 0.2


def test_mask_reaches_further_up_than_the_mesh() -> None:
    mask = face_mask(oval())

    top = 160  # of the oval
    assert mask[(top - 16) // CELL_PX, 64] > 0.5
    assert mask[(460 + 24) // CELL_PX, 64] < 0.5


def test_mask_follows_shifts_of_a_fraction_of_a_cell() -> None:
    columns = np.arange(128)
    masks = [face_mask(oval(256 + shift_px)) for shift_px in np.arange(0, 4, 0.5)]
    middles = [float((mask.sum(axis=0) * columns).sum() / mask.sum()) * CELL_PX for mask in masks]

    assert np.diff(middles) == pytest.approx(0.5, abs=0.15)


def test_hull_outside_the_crop_gives_an_empty_mask() -> None:
    assert not face_mask(oval(centre_x=2000)).any()
