"""A restored face goes back into its enlarged frame, without a seam and in the frame's own colours."""

import cv2
import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.super_resolution.alignment import (
    CROP_PX,
    AlignedFace,
    Floats,
    Image,
    after_enlarging,
    before_enlarging,
    warp,
)
from emo_hallo_ray.super_resolution.mask import CELL_PX, Mask, face_mask

N_TONE_CELLS = 32  # per side of the crop
TONE_CELLS = 2.0  # standard deviation of the blur that tells tone from detail: 32 pixels of the crop
STRIP_PX = 128  # rows blended at a time: whole faces fall out of the processor's cache, which doubles the time
NO_FACE = 1e-3  # keeps the tone's average finite where the mask is 0


def paste(enlarged: Image, restored: Image, crop: Image, face: AlignedFace, scale: float) -> None:
    """Blend a restored crop into the enlarged frame, in place; pixels outside the mask keep their bits.

    Args:
        enlarged: the whole frame, `scale` times as large as the one that the crop was cut from.
        restored: (512, 512, 3) what the restorer made of the crop.
        crop: (512, 512, 3) what `cut` gave.
        face: where `cut` found it.
    """
    mask = face_mask(face.hull)
    to_enlarged = before_enlarging(cv2.invertAffineTransform(face.matrix), scale)
    rows, columns = _affected(mask, to_enlarged, *enlarged.shape[:2])
    if enlarged[rows, columns].size == 0:
        return  # the face has left the frame
    toned = match_tone(restored, crop, mask)
    if np.hypot(*to_enlarged[:, 0]) > 1:
        # as sharp as a cubic warp where it enlarges, in half the time
        toned = cv2.resize(toned, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    weight = mask * np.float32(face.strength)
    for top in range(rows.start, rows.stop, STRIP_PX):
        strip = enlarged[top : min(top + STRIP_PX, rows.stop), columns]
        _blend(strip, toned, weight, to_enlarged - np.array([[0, 0, columns.start], [0, 0, top]]))


def _blend(strip: Image, toned: Image, weight: Mask, to_strip: Floats) -> None:
    """Blend one strip in place; `to_strip` maps the pixels of an unenlarged crop."""
    height, width = strip.shape[:2]
    enlargement = len(toned) / CROP_PX
    patch = warp(toned, after_enlarging(to_strip, 1 / enlargement), width, height, cv2.INTER_LINEAR)
    share = cv2.warpAffine(weight, after_enlarging(to_strip, CELL_PX), (width, height))
    strip[:] = cv2.blendLinear(patch, strip, share, 1 - share)


def match_tone(restored: Image, crop: Image, mask: Mask) -> Image:
    """The restored crop with the tone of the original: its own detail over the original's blurred colours.

    Restorers shift colours by a little and by another little in the next frame. After this the coarse colours are the
    video's own, so that they cannot flicker more than the video does. Matching means and deviations would follow the
    restorer's contrast instead, which changes with every wrinkle it draws. The blur looks at the face alone, because
    restorers change backgrounds at will.
    """
    cells = (N_TONE_CELLS, N_TONE_CELLS)
    coarse_mask, ours, theirs = (cv2.resize(x, cells, interpolation=cv2.INTER_AREA) for x in (mask, restored, crop))
    difference = (theirs.astype(np.float32) - ours) * coarse_mask[..., None]
    weight = cv2.GaussianBlur(coarse_mask, (0, 0), TONE_CELLS) + NO_FACE
    tone = cv2.GaussianBlur(difference, (0, 0), TONE_CELLS) / weight[..., None]
    correction = cv2.resize(np.rint(tone).astype(np.int16), restored.shape[:2], interpolation=cv2.INTER_LINEAR)
    matched: NDArray[np.uint8] = cv2.add(restored, correction, dtype=cv2.CV_8U)
    return matched


def _affected(mask: Mask, to_enlarged: Floats, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of the enlarged frame that the mask may touch."""
    spans = [np.flatnonzero(mask.any(axis=axis)) for axis in (0, 1)]
    (left, right), (top, bottom) = ((span[0] - 1, span[-1] + 1) if len(span) else (0, 0) for span in spans)
    corners = np.array([[left, top], [right, top], [left, bottom], [right, bottom]], np.float64)
    to_frame = after_enlarging(to_enlarged, CELL_PX)
    reached = corners @ to_frame[:, :2].T + to_frame[:, 2]
    limits = (width, height)
    low = np.clip(np.floor(reached.min(axis=0)), 0, limits).astype(int)
    high = np.clip(np.ceil(reached.max(axis=0)) + 1, 0, limits).astype(int)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
