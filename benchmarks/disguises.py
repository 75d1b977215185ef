"""Portraits made from portraits: painted, carved, bearded, turned, small."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.faces.landmarks import EYES, N_MESH_POINTS, OVAL
from emo_hallo_ray.faces.mesh import Points
from emo_hallo_ray.faces.selection import find_main_face

SIDE_PX = 700
RIM, HAIR = (25, 22, 20), np.array([58, 42, 32])
# fmt: off
JAW = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454]
# fmt: on
ABOVE_LIP = [454, 425, 327, 2, 98, 205, 234]
LIPS = [61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91]
N_HAIRS = 9000


def grey(image: Image) -> Image:
    """Black and white."""
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def painted(image: Image) -> Image:
    """Broad strokes and loud colours."""
    strokes = cv2.stylization(_around_face(image), sigma_s=40, sigma_r=0.35)
    hsv = cv2.cvtColor(strokes, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 1] *= 1.3
    coloured: Image = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)
    return coloured


def carved(image: Image) -> Image:
    """One rough, cool material from hair to collar."""
    light = cv2.cvtColor(_around_face(image), cv2.COLOR_RGB2GRAY)
    light = cv2.createCLAHE(2.0, (6, 6)).apply(cv2.bilateralFilter(light, 9, 40, 7)).astype(np.float32)
    grain = np.random.default_rng(0).normal(0, 9, light.shape).astype(np.float32)
    stone = 60 + 0.62 * light + cv2.GaussianBlur(grain, (0, 0), 1.2)
    tint = np.array([0.88, 1.0, 1.10], np.float32)
    carving: Image = np.clip(stone[..., None] * tint, 0, 255).astype(np.uint8)
    return carving


def with_glasses(image: Image) -> Image:
    """Black rims around both eyes."""
    drawn, points = _measured(image)
    width = float(np.linalg.norm(points[EYES[0].upper_lid[0], :2] - points[EYES[1].upper_lid[-1], :2]))
    thickness = max(2, round(0.035 * width))
    left, right = (points[eye.iris[0], :2].astype(float) for eye in EYES)
    for centre in (left, right):
        cv2.ellipse(drawn, (tuple(centre.tolist()), (0.54 * width, 0.44 * width), 0.0), RIM, thickness, cv2.LINE_AA)
    to_rim = np.array([0.27 * width, 0])
    bridge = np.rint([left + to_rim, right - to_rim]).astype(np.int32)
    cv2.polylines(drawn, [bridge], False, RIM, thickness, cv2.LINE_AA)
    return drawn


def with_beard(image: Image) -> Image:
    """Many short dark hairs on chin, cheeks and upper lip."""
    drawn, points = _measured(image)
    random = np.random.default_rng(1)
    area = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    cv2.fillPoly(area, [points[JAW + ABOVE_LIP, :2].astype(np.int32)], (255,))
    cv2.fillPoly(area, [points[LIPS, :2].astype(np.int32)], (0,))
    places = np.argwhere(area)[:, ::-1]
    roots = places[random.choice(len(places), min(len(places), N_HAIRS), replace=False)]
    lean = np.stack([random.normal(0, 0.35, len(roots)), random.uniform(0.5, 1.2, len(roots))], axis=1)
    tips = np.rint(roots + 0.03 * float(np.ptp(points[JAW, 0])) * lean).astype(np.int32)
    shades = HAIR * random.uniform(0.6, 1.5, (len(roots), 1))
    for root, tip, shade in zip(roots, tips, shades, strict=True):
        if area[min(tip[1], SIDE_PX - 1), min(tip[0], SIDE_PX - 1)]:
            cv2.polylines(drawn, [np.array([root, tip], np.int32)], False, tuple(shade.tolist()), 1, cv2.LINE_AA)
    return drawn


def turned(image: Image, angle_deg: float) -> Image:
    """The face turned about the vertical by its mesh; what the turn uncovers is filled from around."""
    still, points = _measured(image)
    face = points[:N_MESH_POINTS].astype(np.float64)
    centre = face[OVAL].mean(axis=0) + np.array([0, 0, 0.25 * np.ptp(face[OVAL, 0])])
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    seen = (face - centre) @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]) + centre
    uncovered = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    cv2.fillConvexPoly(uncovered, face[OVAL, :2].astype(np.int32), (1,))
    uncovered = cv2.dilate(uncovered, np.ones((9, 9), np.uint8))
    cv2.fillConvexPoly(uncovered, cv2.convexHull(seen[OVAL, :2].astype(np.int32)), (0,))
    picture: Image = cv2.inpaint(still, uncovered, 5, cv2.INPAINT_TELEA)
    triangles = Delaunay(face[:, :2]).simplices
    for corners in triangles[np.argsort(-seen[triangles, 2].mean(axis=1))]:  # near ones over far ones
        _copy_triangle(still, picture, face[corners, :2].astype(np.float32), seen[corners, :2].astype(np.float32))
    return picture


def shrunk(image: Image, face_px: int) -> Image:
    """The picture in which the face is so many pixels wide."""
    scale = face_px / find_main_face(image).face.width
    small: Image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return small


def _copy_triangle(source: Image, target: Image, at: NDArray[np.float32], to: NDArray[np.float32]) -> None:
    low = np.maximum(np.floor(to.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(to.max(axis=0)).astype(int) + 1, SIDE_PX)
    if np.any(high <= low):
        return
    width, height = (high - low).tolist()
    warp = cv2.getAffineTransform(at, to - low.astype(np.float32))
    piece = cv2.warpAffine(source, warp, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(mask, np.rint(to - low).astype(np.int32), (1,))
    region = target[low[1] : high[1], low[0] : high[0]]
    region[mask > 0] = piece[mask > 0]


def _around_face(image: Image) -> Image:
    """A square around the face, twice its height."""
    points = find_main_face(image).points
    half = 1.1 * float(np.ptp(points[OVAL, 1]))
    pad, side = int(2 * half), int(2 * half)
    padded = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    left, top = (points[OVAL, :2].mean(axis=0) - half + pad).astype(int)
    square: Image = cv2.resize(
        padded[top : top + side, left : left + side], (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC
    )
    return square


def _measured(image: Image) -> tuple[Image, Points]:
    square = _around_face(image)
    return square.copy(), find_main_face(square).points
