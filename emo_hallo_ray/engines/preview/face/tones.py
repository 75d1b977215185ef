"""Colours taken from the portrait, so that what is painted belongs to it."""

from dataclasses import dataclass

import numpy as np

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry, Floats, Vectors, smoothstep
from emo_hallo_ray.faces.landmarks import CHEEKS, LOWER_LIP_RINGS, UPPER_LIP_RINGS

GREY_MAX_SPREAD = 6.0  # mean distance of the channels from grey, below which a picture has no colour

# the inside of a mouth under the light for which NORMAL_SKIN is the cheeks' colour
ENAMEL, TONGUE, CAVITY = ((228, 219, 206), (170, 88, 86), (46, 20, 20))
NORMAL_SKIN = np.array([222, 180, 153], np.float32)
BRIGHTNESS_RANGE = (0.38, 1.05)
CAST_SHARE = 0.5  # of the light's colour that teeth take on; skin has colours of its own, so not all of it is light
CAST_RANGE = (0.8, 1.2)
# what light the lips leave has been through them: dark places are red rather than grey
FLESH_SHADOW = np.array([0.75, 1.10, 1.10], np.float32)
# red minus blue over the mean: below the first a face in a coloured picture is stone, above the second it is flesh
STONE_WARMTH, FLESH_WARMTH = 0.08, 0.24
STONE_ENAMEL, STONE_TONGUE, STONE_CAVITY = 0.92, 0.48, 0.17  # of the stone's own colour


@dataclass(frozen=True)
class MouthPalette:
    """Colours of the inside of a mouth in the light of one picture, RGB in 0..255, (3,) each.

    Attributes:
        shadow_tint: exponent by channel with which shadows in the mouth are applied.
    """

    enamel: Floats
    tongue: Floats
    cavity: Floats
    shadow_tint: Floats


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


def mouth_palette(geometry: FaceGeometry, image: Image, is_grey: bool) -> MouthPalette:
    """Flesh in the picture's light; in black and white without its colour, in a statue carved from its stone."""
    skin = skin_colour(geometry, image)
    brightness = float(np.clip(skin.mean() / NORMAL_SKIN.mean(), *BRIGHTNESS_RANGE))
    if is_grey:
        enamel, tongue, cavity = (np.full(3, np.mean(colour) * brightness) for colour in (ENAMEL, TONGUE, CAVITY))
        return MouthPalette(enamel, tongue, cavity, shadow_tint=np.ones(3))
    cast = np.clip((skin / skin.mean()) / (NORMAL_SKIN / NORMAL_SKIN.mean()), *CAST_RANGE) ** CAST_SHARE
    flesh = [np.array(colour) * brightness * cast for colour in (ENAMEL, TONGUE, CAVITY)]
    stone = [skin * share for share in (STONE_ENAMEL, STONE_TONGUE, STONE_CAVITY)]
    warmth = max((colour[0] - colour[2]) / colour.mean() for colour in (skin, lip_colour(geometry, image)))
    life = smoothstep(STONE_WARMTH, FLESH_WARMTH, warmth)
    enamel, tongue, cavity = (dead + (alive - dead) * life for dead, alive in zip(stone, flesh, strict=True))
    return MouthPalette(enamel, tongue, cavity, shadow_tint=FLESH_SHADOW**life)


def is_grey(image: Image) -> bool:
    """Whether a picture is black and white."""
    pixels = image[::4, ::4].astype(np.float32)
    return float(np.abs(pixels - pixels.mean(axis=2, keepdims=True)).mean()) < GREY_MAX_SPREAD
