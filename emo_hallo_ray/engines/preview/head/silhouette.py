"""Which pixels of a frame go with the head: face and hair do, the neck in part, shoulders and background do not."""

import cv2
import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.engines.base import Image
from emo_hallo_ray.engines.preview.face.geometry import FaceGeometry, Floats, smoothstep
from emo_hallo_ray.faces.landmarks import LEFT_SIDE, OVAL, RIGHT_SIDE
from emo_hallo_ray.faces.segmentation import segment_person

MAX_PX = 512  # finer than segmentation anyway; larger frames share the result
MIN_FACE_COVER = 0.8  # of the face lies inside a believable person
BORDER_SHARE = 0.08  # of the frame, over which motion fades out at its border
# in face heights
BAND_START, BAND_END = 0.005, 0.043  # outside the hair; motion fades out in between
NECK_START, NECK_END = 0.02, 0.34  # below the jaw; so it does here
SIDES = np.array([(-1.0, -0.3), (-0.45, 0.25), (0.45, 0.25), (1.0, -0.3)])  # where long hair begins to count as neck
HALF_WIDTH, RISE = 0.84, 0.95  # of an ellipse that few heads leave
# in radii of that ellipse
PERSON_FADE = 0.9, 1.4  # further out are other people, and things that segmentation mistook for some
GUESS_FADE = 0.7, 1.2  # of a head that segmentation did not see
JAW = OVAL[OVAL.index(RIGHT_SIDE) : OVAL.index(LEFT_SIDE) + 1]

Mask = NDArray[np.bool_]


def head_share(face: FaceGeometry, frame: Image) -> Floats:
    """How much of the head's motion each pixel of a square frame takes part in, (H, W) in 0..1.

    Args:
        face: in the frame's pixels.
    """
    frame_px = frame.shape[0]
    if frame_px > MAX_PX:
        smaller = cv2.resize(frame, (MAX_PX, MAX_PX), interpolation=cv2.INTER_AREA)
        share: Floats = cv2.resize(head_share(face.resampled(MAX_PX / frame_px), smaller), (frame_px, frame_px))
        return share
    place = _Place(face, frame_px)
    person = find_person(face, frame)
    if person is None:
        head = _ellipse(place, GUESS_FADE)
    else:
        outside = _distance_from(person, face.height)
        head = _ellipse(place, PERSON_FADE) * np.clip((BAND_END - outside) / (BAND_END - BAND_START), 0, 1)
    return (head * _above_shoulders(face, place) * _off_the_border(frame_px)).astype(np.float32)


def find_person(face: FaceGeometry, frame: Image) -> Mask | None:
    """The person whose face it is, (H, W), in one piece and without holes; None where segmentation fails.

    It fails on most statues and some paintings. Then a wide ellipse looks better than edges found by colour: those
    cut through hats and hair.
    """
    height, width = frame.shape[:2]
    person = cv2.resize(segment_person(frame), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    oval = face.points[OVAL, :2]
    face_mask = _filled(np.rint(oval).astype(np.int32), person.shape)
    if person[face_mask].mean() < MIN_FACE_COVER:
        return None
    outlines, _ = cv2.findContours((person | face_mask).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    centre = oval.mean(axis=0).tolist()
    return _filled(max(outlines, key=lambda outline: cv2.pointPolygonTest(outline, centre, True)), person.shape)


class _Place:
    """Where pixels lie relative to the middle of the face, in its heights.

    Attributes:
        across, down: (H, W).
    """

    def __init__(self, face: FaceGeometry, frame_px: int) -> None:
        down = face.axes[1, :2] / np.linalg.norm(face.axes[1, :2])
        self._axes = np.stack([[down[1], -down[0]], down]) / face.height
        self._middle = face.points[OVAL, :2].mean(axis=0)
        y, x = np.mgrid[:frame_px, :frame_px]
        self.across, self.down = np.moveaxis(self.of(np.stack([x, y], axis=-1)), -1, 0)

    def of(self, points: Floats) -> Floats:
        """Across and down, (..., 2), of points in the frame."""
        relative: Floats = (points - self._middle) @ self._axes.T
        return relative


def _filled(outline: NDArray[np.int32], shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [outline], (1,))
    return mask > 0


def _distance_from(mask: Mask, unit_px: float) -> Floats:
    distance: Floats = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return distance / np.float32(unit_px)


def _ellipse(place: _Place, fade: tuple[float, float]) -> Floats:
    """Open below, where the neck is."""
    radius = np.hypot(place.across / HALF_WIDTH, np.minimum(place.down, 0) / RISE)
    return 1 - smoothstep(*fade, radius)


def _above_shoulders(face: FaceGeometry, place: _Place) -> Floats:
    jaw = place.of(face.points[JAW, :2])
    jaw = jaw[np.argsort(jaw[:, 0])]
    level = np.maximum(*(np.interp(place.across, line[:, 0], line[:, 1]) for line in (jaw, SIDES)))
    return 1 - smoothstep(NECK_START, NECK_END, _distance_from(place.down < level, face.height))


def _off_the_border(frame_px: int) -> Floats:
    inset = np.minimum(np.arange(frame_px), np.arange(frame_px)[::-1]) / (BORDER_SHARE * frame_px)
    fade = smoothstep(0, 1, inset)
    return np.minimum(fade[:, None], fade)
