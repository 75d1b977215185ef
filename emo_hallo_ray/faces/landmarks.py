"""Names for groups of the 478 mesh points.

Left and right are the image's. Lip and lid groups run from the image's left to its right, so that an upper group and
its lower one pair up point by point; both ends of a pair are the shared corner.
"""

from dataclasses import dataclass

N_MESH_POINTS = 468  # the rest are the irises
N_POINTS = 478

FOREHEAD, CHIN = 10, 152
LEFT_SIDE, RIGHT_SIDE = 234, 454
LEFT_EYE_OUTER, RIGHT_EYE_OUTER = 33, 263
LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER = 61, 291
UPPER_LIP_INNER, LOWER_LIP_INNER = 13, 14  # in the middle
NOSE_BASE = 2
# from the nose's wings past the mouth's corners (nasolabial)
LEFT_FOLD, RIGHT_FOLD = [129, 203, 206, 216, 212, 202], [358, 423, 426, 436, 432, 422]
CHEEKS = [50, 280, 205, 425, 117, 346]

# fmt: off
OVAL = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]

UPPER_LIP_RINGS = [  # inner to outer
    [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308],
    [62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292],
    [76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306],
    [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291],
]
LOWER_LIP_RINGS = [
    [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308],
    [62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292],
    [76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306],
    [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291],
]
# fmt: on
UPPER_LIP_INSIDE, UPPER_LIP_OUTSIDE = UPPER_LIP_RINGS[0], UPPER_LIP_RINGS[-1]
LOWER_LIP_INSIDE, LOWER_LIP_OUTSIDE = LOWER_LIP_RINGS[0], LOWER_LIP_RINGS[-1]


@dataclass(frozen=True)
class EyePoints:
    """One eye's groups; `brow` is the lower edge of the eyebrow, `fold` lies between lid and brow."""

    upper_lid: list[int]
    lower_lid: list[int]
    fold: list[int]
    brow: list[int]
    brow_top: list[int]
    iris: list[int]  # centre first


LEFT_EYE = EyePoints(
    upper_lid=[33, 246, 161, 160, 159, 158, 157, 173, 133],
    lower_lid=[33, 7, 163, 144, 145, 153, 154, 155, 133],
    fold=[113, 225, 224, 223, 222, 221, 189],
    brow=[46, 53, 52, 65, 55],
    brow_top=[70, 63, 105, 66, 107],
    iris=[468, 469, 470, 471, 472],
)
RIGHT_EYE = EyePoints(
    upper_lid=[362, 398, 384, 385, 386, 387, 388, 466, 263],
    lower_lid=[362, 382, 381, 380, 374, 373, 390, 249, 263],
    fold=[413, 441, 442, 443, 444, 445, 342],
    brow=[285, 295, 282, 283, 276],
    brow_top=[336, 296, 334, 293, 300],
    iris=[473, 474, 475, 476, 477],
)
EYES = (LEFT_EYE, RIGHT_EYE)
FEATURES = [point for eye in EYES for point in eye.brow_top + eye.lower_lid] + UPPER_LIP_OUTSIDE + LOWER_LIP_OUTSIDE
