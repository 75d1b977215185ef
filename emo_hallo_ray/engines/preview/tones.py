"""Colours taken from the portrait, so that what is painted belongs to it."""

import numpy as np

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.geometry import FaceGeometry, Floats, Vectors
from emo_hallo_ray.faces.landmarks import CHEEKS, LOWER_LIP_RINGS, UPPER_LIP_RINGS

GREY_MAX_SPREAD = 6.0  # mean distance of the channels from grey, below which a picture has no colour


def sample_colour(image: Image, places: Vectors) -> Floats:
    """Pixels at places (x, y), (N, 3); places outside read the border."""
    height, width = image.shape[:2]
    x, y = np.rint(places).astype(int).T
    pixels: Floats = image[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)].astype(np.float32)
    return pixels


def skin_colour(geometry: FaceGeometry, image: Image) -> Floats:
    """The cheeks' median, (3,)."""
    colour: Floats = np.median(sample_colour(image, geometry.points[CHEEKS, :2]), axis=0)
    return colour


def lip_colour(geometry: FaceGeometry, image: Image) -> Floats:
    """The lips' median, (3,)."""
    lips = [*LOWER_LIP_RINGS[2][2:-2], *UPPER_LIP_RINGS[2][2:-2]]
    colour: Floats = np.median(sample_colour(image, geometry.points[lips, :2]), axis=0)
    return colour


def is_grey(image: Image) -> bool:
    """Whether a picture is black and white."""
    pixels = image[::4, ::4].astype(np.float32)
    return float(np.abs(pixels - pixels.mean(axis=2, keepdims=True)).mean()) < GREY_MAX_SPREAD
