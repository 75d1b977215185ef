"""Restoring a stream of frames: nothing lost, nothing jumps, and the same frames after an interruption."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.errors import OutOfMemory, UnusableModelFile
from emo_hallo_ray.media.frames import Frames
from emo_hallo_ray.super_resolution.base import EnlargeOptions
from emo_hallo_ray.super_resolution.lanczos import upscale_lanczos
from emo_hallo_ray.super_resolution.networks import RestorationNetworks
from emo_hallo_ray.super_resolution.restoration import RestoringEnlarger
from emo_hallo_ray.super_resolution.tracking import FaceTracker
from emo_hallo_ray.weights.layout import WeightsLayout
from tests.scarce_memory import Scarce
from tests.tiny_models.super_resolution import write_background, write_restorer

FACES = EnlargeOptions(2, restore_faces=True, restore_background=False)


class Brighter:
    """Networks that leave a mark: restored faces are brighter, backgrounds darker. Looks at what it is given."""

    def __init__(self) -> None:
        self.windows: list[int] = []

    def restore(self, faces: Frames, fidelity: float) -> Frames:
        self.windows.append(len(faces))
        # the tone is taken from the video again, so that the mark has to be fine
        stripes = (np.arange(512) // 4 % 2 * 60).astype(np.uint8)[None, None, :, None]
        return np.maximum(faces, stripes)

    def enlarge(self, frame: Frames) -> Frames:
        return frame.repeat(2, 1).repeat(2, 2) // 2


@pytest.fixture
def video(portrait: np.ndarray) -> Frames:
    """43 frames in which the head moves by a pixel a frame."""
    return np.stack([np.roll(portrait, i, axis=1) for i in range(43)])


def run(enlarger: RestoringEnlarger, frames: Frames, at_once: int = 16) -> Frames:
    parts = [enlarger.push(frames[start : start + at_once]) for start in range(0, len(frames), at_once)]
    return joined([*parts, enlarger.finish()])


def joined(parts: Sequence[Frames]) -> Frames:
    return np.concatenate([part for part in parts if len(part)])


def test_every_frame_comes_out_in_its_place(video: Frames, tracker: FaceTracker):
    networks = Brighter()
    enlarged = run(RestoringEnlarger(FACES, networks, tracker, {}), video)
    assert enlarged.shape == (43, 1024, 1024, 3)
    assert networks.windows == [16, 16, 16, 16]  # 43 frames: 16, 12, 12 and the last 3 with their predecessors
    plain = upscale_lanczos(video, 2)
    corner = np.s_[:, -200:, -100:]
    assert np.array_equal(enlarged[corner], plain[corner])
    changed = (enlarged != plain).any(axis=-1).mean(axis=(1, 2))
    assert changed.min() > 0.01


def test_an_interrupted_video_goes_on_with_the_same_frames(video: Frames, tracker: FaceTracker):
    whole = run(RestoringEnlarger(FACES, Brighter(), tracker, {}), video)
    parts, state = [], {}
    for start in range(0, len(video), 16):
        enlarger = RestoringEnlarger(FACES, Brighter(), tracker, state)
        parts.append(enlarger.push(video[start : start + 16]))
        state = enlarger.state
    parts.append(RestoringEnlarger(FACES, Brighter(), tracker, state).finish())
    assert np.array_equal(joined(parts), whole)


def test_the_state_after_an_end_is_small_and_enough_to_go_on(video: Frames, tracker: FaceTracker):
    first = RestoringEnlarger(FACES, Brighter(), tracker, {})
    run(first, video[:20])
    assert sum(array.nbytes for array in first.state.values()) < 4 * 512 * 512 * 3 + 20_000
    networks = Brighter()
    run(RestoringEnlarger(FACES, networks, tracker, first.state), video[20:32])
    assert networks.windows == [16]


def test_frames_without_a_face_pass(tracker: FaceTracker):
    noise = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), dtype=np.uint8)
    networks = Brighter()
    enlarged = run(RestoringEnlarger(FACES, networks, tracker, {}), noise)
    assert np.array_equal(enlarged, upscale_lanczos(noise, 2))
    assert networks.windows == []


def test_a_background_alone_holds_nothing_back(portrait: np.ndarray, tracker: FaceTracker):
    options = EnlargeOptions(4, restore_faces=False, restore_background=True)
    enlarger = RestoringEnlarger(options, Brighter(), tracker, {})
    assert np.array_equal(enlarger.push(portrait[None])[0], portrait.repeat(4, 0).repeat(4, 1) // 4)
    assert len(enlarger.finish()) == 0


@pytest.mark.slow
def test_seams_between_windows_differ_no_more_than_other_neighbours(
    portrait: np.ndarray, tracker: FaceTracker, networks: RestorationNetworks
):
    """With a restorer that looks at its window: a still picture with sensor noise."""
    random = np.random.default_rng(1)
    still = np.stack([portrait] * 24).astype(np.int16) + random.normal(0, 2, (24, 512, 512, 3)).astype(np.int16)
    enlarged = run(RestoringEnlarger(FACES, networks, tracker, {}), still.clip(0, 255).astype(np.uint8))
    steps = np.abs(np.diff(enlarged.astype(np.int16), axis=0)).mean(axis=(1, 2, 3))
    seam = 15  # from the first window's last frame to the second's first new one
    assert steps[seam] < 1.1 * np.delete(steps, seam).max()


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestorationNetworks]:
    layout = WeightsLayout(tmp_path_factory.mktemp("weights"))
    write_restorer(layout.restorer)
    write_background(layout.background_upscaler)
    yield RestorationNetworks(layout, "cpu", tile_px=64)


def test_released_layouts_are_loaded_and_make_pictures(networks: RestorationNetworks, portrait: np.ndarray):
    faces = networks.restore(portrait[None], 0.5)
    assert (faces.shape, faces.dtype) == ((1, 512, 512, 3), np.uint8)
    assert not np.array_equal(faces, networks.restore(portrait[None], 1.0))
    assert networks.enlarge(portrait[None, :100, :101]).shape == (1, 200, 202, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "net_g.pth is missing"), (b"PK", "net_g.pth cannot be used: it cannot be read")],
)
def test_an_unusable_file_is_named_with_the_remedy(tmp_path: Path, content: bytes | None, words: str):
    layout = WeightsLayout(tmp_path)
    if content is not None:
        layout.restorer.parent.mkdir()
        layout.restorer.write_bytes(content)
    with pytest.raises(UnusableModelFile, match=words) as refusal:
        RestorationNetworks(layout, "cpu").restore(np.zeros((1, 512, 512, 3), np.uint8), 0.5)
    assert "--engine super-resolution" in str(refusal.value)


@pytest.mark.parametrize("work", ["restore", "enlarge"])
def test_too_little_memory_is_an_error_of_its_own_and_the_next_frame_is_made(
    networks: RestorationNetworks, monkeypatch: pytest.MonkeyPatch, work: str
):
    if work == "restore":
        first, arguments = networks._restorer.encoder.blocks[0], (np.zeros((1, 512, 512, 3), np.uint8), 0.5)
    else:
        first, arguments = networks._background.conv_first, (np.zeros((1, 48, 48, 3), np.uint8),)
    memory = Scarce(first.forward, fits=0)
    monkeypatch.setattr(first, "forward", memory)
    with pytest.raises(OutOfMemory):
        getattr(networks, work)(*arguments)
    memory.fits = 1
    assert len(getattr(networks, work)(*arguments)) == 1
