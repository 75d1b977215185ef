"""A whole video, clip after clip: each begins where the one before it ended."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from emo_hallo_ray.hallo2.presets import QUALITY, Preset
from emo_hallo_ray.hallo2.sampling import ClipSampler, Step, Subject


@dataclass(frozen=True)
class WalkOptions:
    """How a video is made. The defaults are the original's.

    Attributes:
        n_motion: frames of the clip before that the next one looks at.
        dropout: share of the motion frames' pixels outside the face that is blanked, so that errors do not add up
            (the paper's patch drop, in patches of one pixel).
    """

    seed: int = 42
    n_steps: int = 40
    guidance_scale: float = 3.5
    n_motion: int = 2
    dropout: float = 0.25
    preset: Preset = QUALITY


@dataclass(frozen=True)
class WalkState:
    """All that the next clip needs to know of those before it.

    Attributes:
        motion: the last frames, (n_motion, 3, H, W) in −1…1, float32 on the CPU.
        random: state of the random stream.
    """

    motion: Tensor
    random: Tensor


class Walk:
    """One video in the making.

    One random stream on the CPU serves the dropout and the noise, in the original's order, so that equal weights,
    inputs and seeds give the original's frames. It is drawn in float32 on every device.

    Args:
        source: the portrait, (3, H, W) in −1…1.
        state: of an earlier walk over the same video, to go on from there.
    """

    def __init__(
        self, sampler: ClipSampler, subject: Subject, source: Tensor, options: WalkOptions, state: WalkState | None
    ) -> None:
        self._sampler = sampler
        self._subject = subject
        self._source = source
        self._options = options
        self._random = torch.Generator("cpu").manual_seed(options.seed)
        self._motion = source.expand(options.n_motion, -1, -1, -1)
        if state is not None:
            self._random.set_state(state.random)
            self._motion = state.motion

    @property
    def state(self) -> WalkState:
        """What the next clip starts from."""
        return WalkState(self._motion, self._random.get_state())

    @torch.inference_mode()
    def denoise(self, windows: Tensor) -> Iterator[Step]:
        """Make the next clip's latents.

        Args:
            windows: of speech features around each of its frames, (F, 5, layers, channels).
        """
        options, sampler = self._options, self._sampler
        height, width = self._source.shape[-2:]
        pictures = torch.cat([self._source[None], self._drop_pixels(self._motion)])
        noise = torch.randn((1, 4, len(windows), height // 8, width // 8), generator=self._random)
        is_guided = options.guidance_scale > 1
        constants = sampler.condition(self._subject, pictures, sampler.hear(windows), is_guided)
        frames_first = noise[0].transpose(0, 1).to(constants.face.device)
        yield from sampler.denoise(constants, frames_first, options.n_steps, options.guidance_scale, options.preset)

    @torch.inference_mode()
    def finish(self, latents: Tensor) -> Tensor:
        """Decode a clip's last frames, which the next one looks at: (n_motion, 3, H, W) in 0…1."""
        tail = self._sampler.codec.decode(latents[len(latents) - self._options.n_motion :])
        self._motion = torch.cat([self._motion, tail.cpu() * 2 - 1])[len(tail) :]
        return tail

    @torch.inference_mode()
    def decode_rest(self, latents: Tensor) -> Tensor:
        """Decode a clip's other frames; nothing waits for them, so the next clip may be under way."""
        return self._sampler.codec.decode(latents[: len(latents) - self._options.n_motion])

    def _drop_pixels(self, motion: Tensor) -> Tensor:
        """The same pixels in all motion frames and channels; drawn for the first clip too."""
        field = torch.rand(motion.shape[-2:], generator=self._random)
        keep = (field > self._options.dropout) | (self._subject.face_region > 0)
        return motion * keep
