"""Short videos made of one portrait."""

from collections.abc import Iterable

import cv2
import numpy as np

from emo_hallo_ray.super_resolution.tracking import FaceTrack, FaceTracker

FACE = (222, 128)  # the middle of the sample portrait's face


def film(
    portrait: np.ndarray,
    zoom: float = 2.0,
    shift: tuple[float, float] = (0, 0),
    turn_deg: float = 0,
    width: int = 512,
) -> np.ndarray:
    """(512, width, 3) a frame with the face in its middle, or `shift` pixels from it."""
    matrix = cv2.getRotationMatrix2D(FACE, turn_deg, zoom)
    matrix[:, 2] += (width / 2 + shift[0] - FACE[0], 256 + shift[1] - FACE[1])
    return cv2.warpAffine(portrait, matrix, (width, 512), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def wall(portrait: np.ndarray) -> np.ndarray:
    """(512, 512, 3) of the background behind the portrait, without a face."""
    return cv2.resize(portrait[20:120, 310:380], (512, 512), interpolation=cv2.INTER_CUBIC)


def with_noise(frame: np.ndarray, seed: int, deviation: float = 3.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, deviation, frame.shape)
    return np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)


def follow(tracker: FaceTracker, frames: Iterable[np.ndarray], track: FaceTrack | None = None) -> list[FaceTrack]:
    """The track after every frame."""
    tracks = []
    for frame in frames:
        track = tracker.follow(frame, track)
        tracks.append(track)
    return tracks


def corners(track: FaceTrack) -> np.ndarray:
    """(4, 2) the crop's corners in frame pixels."""
    assert track.face is not None
    to_frame = cv2.invertAffineTransform(track.face.matrix)
    return np.array([[0, 0], [512, 0], [0, 512], [512, 512]]) @ to_frame[:, :2].T + to_frame[:, 2]
