"""The enlarger that draws anew: faces by the restorer, the rest by RealESRGAN, each where it is wanted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from emo_hallo_ray.engines.base import Arrays
from emo_hallo_ray.media.frames import Frames
from emo_hallo_ray.super_resolution.alignment import CROP_PX, AlignedFace, Image, cut
from emo_hallo_ray.super_resolution.base import EnlargeOptions
from emo_hallo_ray.super_resolution.lanczos import upscale_lanczos
from emo_hallo_ray.super_resolution.methods import method_name
from emo_hallo_ray.super_resolution.paste import paste
from emo_hallo_ray.super_resolution.tracking import FaceTrack, FaceTracker
from emo_hallo_ray.super_resolution.windows import Window, WindowCutter

STEP = 2  # by which one pass enlarges; a factor of 4 is two passes, the faces being pasted after the first
TRACK = "track."
NO_FRAMES = np.empty((0, 0, 0, 3), np.uint8)


class Networks(Protocol):
    """What draws anew; see `RestorationNetworks`."""

    def restore(self, faces: Frames, fidelity: float) -> Frames: ...
    def enlarge(self, frame: Frames) -> Frames: ...


@dataclass(frozen=True)
class Seen:
    """A frame and its face. The frame is forgotten when it is out; the crop stays for its successors to look at."""

    frame: Image | None
    face: AlignedFace | None
    crop: Image | None


class RestoringEnlarger:
    """An `Enlarger` of one video, which can go on in another process.

    Args:
        state: of an enlarger of the same video, to go on from there.
    """

    def __init__(self, options: EnlargeOptions, networks: Networks, tracker: FaceTracker, state: Arrays) -> None:
        self.method = method_name(bool(options.restore_faces), bool(options.restore_background))
        self._options = options
        self._networks = networks
        self._tracker = tracker
        self._track = _load_track(state)
        known, waiting = _load_seen(state)
        self._windows = WindowCutter(known, waiting)

    @property
    def state(self) -> dict[str, np.ndarray]:
        """All that an enlarger needs to go on with the next frame; small after `finish`."""
        track = {} if self._track is None else self._track.to_arrays()
        return {
            **_save_seen(self._windows.known, self._windows.waiting),
            **{TRACK + name: np.asarray(array) for name, array in track.items()},
        }

    def push(self, frames: Frames) -> Frames:
        """Take frames; those that are finished by now."""
        if not self._options.restore_faces:
            return _stack(self._enlarge(Seen(frame, None, None), None) for frame in frames)
        return self._restore(self._windows.push([self._look(frame) for frame in frames]))

    def finish(self) -> Frames:
        """What was held back. Frames may follow: a segment ends here, the video need not."""
        return self._restore(self._windows.finish())

    def _look(self, frame: Image) -> Seen:
        self._track = self._tracker.follow(frame, self._track)
        face = self._track.face
        return Seen(frame, face, None if face is None else cut(frame, face))

    def _restore(self, windows: Iterable[Window[Seen]]) -> Frames:
        finished = []
        for window in windows:
            crops = [seen.crop for seen in window.items if seen.crop is not None]
            restored = iter(self._networks.restore(np.stack(crops), self._options.fidelity_weight) if crops else ())
            faces = [None if seen.crop is None else next(restored) for seen in window.items]
            new = list(zip(window.items, faces, strict=True))[window.n_known :]
            finished += [self._enlarge(seen, face) for seen, face in new]
        return _stack(finished)

    def _enlarge(self, seen: Seen, restored: Image | None) -> Image:
        assert seen.frame is not None
        enlarged = self._pass(seen.frame)
        if seen.face is not None and seen.crop is not None and restored is not None:
            paste(enlarged, restored, seen.crop, seen.face, STEP)
        return enlarged if self._options.factor == STEP else self._pass(enlarged)

    def _pass(self, frame: Image) -> Image:
        enlarge = self._networks.enlarge if self._options.restore_background else _enlarge_by_lanczos
        enlarged: Image = enlarge(frame[None])[0]
        return enlarged


def _enlarge_by_lanczos(frames: Frames) -> Frames:
    return upscale_lanczos(frames, STEP)


def _stack(frames: Iterable[Image]) -> Frames:
    listed = list(frames)
    return np.stack(listed) if listed else NO_FRAMES


def _save_seen(known: Sequence[Seen], waiting: Sequence[Seen]) -> dict[str, np.ndarray]:
    every = [*known, *waiting]
    faces = [seen.face for seen in every if seen.face is not None]
    crops = [seen.crop for seen in every if seen.crop is not None]
    frames = [seen.frame for seen in waiting if seen.frame is not None]
    return {
        "n_known": np.array(len(known)),
        "has_face": np.array([seen.face is not None for seen in every], bool),
        "frames": np.stack(frames) if frames else NO_FRAMES,
        "crops": np.stack(crops) if crops else np.empty((0, CROP_PX, CROP_PX, 3), np.uint8),
        "matrices": np.array([face.matrix for face in faces]).reshape(-1, 2, 3),
        "hulls": np.array([face.hull for face in faces]),
        "strengths": np.array([face.strength for face in faces]),
    }


def _load_seen(state: Mapping[str, np.ndarray]) -> tuple[list[Seen], list[Seen]]:
    if "has_face" not in state:
        return [], []
    n_known, frames = int(state["n_known"]), iter(state["frames"])
    faces = zip(state["matrices"], state["hulls"], state["strengths"], state["crops"], strict=True)
    every = []
    for i, has_face in enumerate(state["has_face"]):
        frame = None if i < n_known else next(frames)
        if has_face:
            matrix, hull, strength, crop = next(faces)
            every.append(Seen(frame, AlignedFace(matrix, hull, float(strength)), crop))
        else:
            every.append(Seen(frame, None, None))
    return every[:n_known], every[n_known:]


def _load_track(state: Arrays) -> FaceTrack | None:
    arrays = {name.removeprefix(TRACK): array for name, array in state.items() if name.startswith(TRACK)}
    return FaceTrack.from_arrays(arrays) if arrays else None
