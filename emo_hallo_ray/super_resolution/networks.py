"""The two networks of super-resolution behind functions of pictures: bytes in, bytes out."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from emo_hallo_ray.errors import UnusableModelFile
from emo_hallo_ray.hallo2.acceleration import use_all_cores
from emo_hallo_ray.hallo2.errors import WrongCheckpoint
from emo_hallo_ray.media.frames import Frames
from emo_hallo_ray.memory import blaming_memory
from emo_hallo_ray.super_resolution.checkpoint import load_background, load_restorer
from emo_hallo_ray.super_resolution.codeformer import CodeFormer
from emo_hallo_ray.super_resolution.rrdbnet import FACTOR, RRDBNet
from emo_hallo_ray.super_resolution.tiles import Tiles
from emo_hallo_ray.weights.layout import WeightsLayout

Network = TypeVar("Network", CodeFormer, RRDBNet)

REMEDY = "run: emo-hallo models download --engine super-resolution"


@dataclass(frozen=True)
class RestorationNetworks:
    """Loaded when they are first used, and kept.

    Attributes:
        device: "auto" is a GPU where there is one.
        tile_px: side of the parts in which a picture is enlarged; less once memory ran out.
    """

    layout: WeightsLayout
    device: str = "auto"
    tile_px: int = 512
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @torch.inference_mode()
    def restore(self, faces: Frames, fidelity: float) -> Frames:
        """Draw the aligned faces of a window anew, (F, 512, 512, 3) RGB.

        Raises:
            OutOfMemory: not even one face at a time fits.
        """
        with self._lock, blaming_memory():
            restored = self._restorer(self._to_tensor(faces) * 2 - 1, fidelity)
            return _to_bytes(restored / 2 + 0.5)

    @torch.inference_mode()
    def enlarge(self, frame: Frames) -> Frames:
        """Enlarge one frame twice, (1, H, W, 3) RGB.

        Raises:
            OutOfMemory: not even the smallest tiles fit.
        """
        with self._lock, blaming_memory():
            return _to_bytes(self._tiles.enlarge(self._background, self._to_tensor(frame), FACTOR))

    def _to_tensor(self, frames: Frames) -> Tensor:
        moved = torch.from_numpy(np.ascontiguousarray(frames)).to(self._device).permute(0, 3, 1, 2)
        return moved.to(self._dtype) / 255

    @cached_property
    def _device(self) -> torch.device:
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
        device = torch.device(wanted if self.device == "auto" else self.device)
        if device.type == "cpu":
            use_all_cores()
        return device

    @property
    def _dtype(self) -> torch.dtype:
        return torch.float16 if self._device.type == "cuda" else torch.float32

    @cached_property
    def _tiles(self) -> Tiles:
        return Tiles(self.tile_px)

    @cached_property
    def _restorer(self) -> CodeFormer:
        return self._loaded(load_restorer, self.layout.restorer)

    @cached_property
    def _background(self) -> RRDBNet:
        return self._loaded(load_background, self.layout.background_upscaler)

    def _loaded(self, load: Callable[[Path, torch.device, torch.dtype], Network], path: Path) -> Network:
        name = path.relative_to(self.layout.root)
        try:
            return load(path, self._device, self._dtype)
        except FileNotFoundError as error:
            raise UnusableModelFile(f"{name} is missing", REMEDY) from error
        except WrongCheckpoint as error:
            raise UnusableModelFile(f"{name} cannot be used: {error}", REMEDY) from error


def _to_bytes(pictures: Tensor) -> Frames:
    """(N, 3, H, W) in 0…1 → (N, H, W, 3) uint8."""
    levels = (pictures.float().clamp_(0, 1) * 255).round_().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
