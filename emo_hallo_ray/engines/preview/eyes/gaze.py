"""Eyes that look around: the iris moves as it is, the white gives way, the lids stay."""

import numpy as np

from emo_hallo_ray.engines.preview.eyes.shape import EyeShape
from emo_hallo_ray.engines.preview.face.geometry import Floats, Vectors, smoothstep

ACROSS, DOWN = 0.10, 0.13  # of the eye's width and of its height, at gaze 1
MIN_WHITE = 0.12  # of the eye's width beside the iris, over which its motion fades out


def gaze_fields(shape: EyeShape, iris: Vectors) -> tuple[Floats, Floats]:
    """Where pixels come from, relative to where they are, at `gaze_x` 1 and at `gaze_y` 1.

    Args:
        shape: the eye's outline.
        iris: (5, 2) its centre and four places around it, in the picture.

    Returns:
        (2, h, w) each: pixels along the eye and down it, for the shape's box.
    """
    centre, *rim = shape.to_eye(iris)
    radius = float(np.mean([np.linalg.norm(place - centre) for place in rim]))
    depth = (shape.y - shape.upper) / np.maximum(shape.opening, 1)
    from_centre = shape.x - centre[0]
    white = np.maximum(0.48 * shape.width - radius - np.sign(from_centre) * centre[0], MIN_WHITE * shape.width)
    moving = 1 - smoothstep(0, 1, (np.abs(from_centre) - radius) / white)
    moving = moving * smoothstep(0, 0.12, depth) * smoothstep(0, 0.15, 1 - depth)
    free_of_lids = smoothstep(0, 0.45, depth) * smoothstep(0, 0.35, 1 - depth)

    along = -ACROSS * shape.width * moving
    sideways = np.stack([along, along * _lid_slope(shape, depth)])
    downwards = np.stack([np.zeros_like(moving), -DOWN * shape.height * moving * free_of_lids])
    return sideways.astype(np.float32), downwards.astype(np.float32)


def _lid_slope(shape: EyeShape, depth: Floats) -> Floats:
    """How steeply motion follows the lids: beside them as they go, so that no lid is dragged in; 0 in the middle."""
    before, after = (shape.lines(shape.x + step) for step in (-1, 1))
    upper, lower = (after.upper - before.upper) / 2, (after.lower - before.lower) / 2
    slope: Floats = upper * (1 - smoothstep(0, 0.35, depth)) + lower * smoothstep(0.65, 1, depth)
    return slope
