"""One clip: from its conditions to its latents, step by step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from emo_hallo_ray.hallo2.batches import Batches, joined
from emo_hallo_ray.hallo2.denoising_unet import ClipConstants, Conditions
from emo_hallo_ray.hallo2.networks import Hallo2Networks
from emo_hallo_ray.hallo2.presets import QUALITY, Preset
from emo_hallo_ray.hallo2.schedule import Schedule
from emo_hallo_ray.hallo2.vae import PictureCodec


@dataclass(frozen=True)
class Subject:
    """What stays the same for a whole video.

    Attributes:
        identity: face embedding, (512,).
        face_region: where the face is, (H, W) in 0…1.
        masks: per level, finest first, (L, 3): how much of each pixel is background, face, lips.
        region_weights: (3,) how strongly speech moves them.
    """

    identity: Tensor
    face_region: Tensor
    masks: Sequence[Tensor]
    region_weights: Tensor


@dataclass(frozen=True)
class Step:
    """Where a clip stands.

    Attributes:
        done: steps done, from 1.
        latents: (F, 4, h, w), after this step.
    """

    done: int
    latents: Tensor


class ClipSampler:
    """Makes clips with one set of networks.

    Everything is computed in the networks' own type except the latents, which stay in float32 between steps.

    Attributes:
        halves: guidance halves that the denoiser takes together, 2 or 1.
        references: pictures that the reference network reads together, each once for each half.
    """

    def __init__(self, networks: Hallo2Networks, codec: PictureCodec) -> None:
        self.networks = networks
        self.codec = codec
        self.predict = networks.denoising_unet.predict  # may be replaced by a compiled one
        self.halves = Batches("guidance halves in the denoiser")
        self.references = Batches("pictures in the reference network")

    @torch.inference_mode()
    def hear(self, windows: Tensor) -> Tensor:
        """A window of speech features around each frame, (F, 5, layers, channels), to tokens (F, T, C)."""
        anchor = self.networks.audioproj.proj1.weight
        tokens: Tensor = self.networks.audioproj(windows.to(anchor.device, anchor.dtype))
        return tokens

    @torch.inference_mode()
    def condition(self, subject: Subject, pictures: Tensor, speech: Tensor, is_guided: bool) -> ClipConstants:
        """Everything that stays equal over a clip's steps.

        Args:
            pictures: (s, 3, H, W) in −1…1: the source and then the motion frames.
            speech: tokens of each frame, (F, T, C), see `hear`.
            is_guided: whether there is an unconditional half.
        """
        networks = self.networks
        anchor = networks.imageproj.proj.weight
        to = {"device": anchor.device, "dtype": anchor.dtype}
        # the unconditional identity is the projection of a zero embedding, not zeros
        embedding = subject.identity.to(**to)
        identity = networks.imageproj(torch.stack([torch.zeros_like(embedding), embedding]))
        latents = self.codec.encode(pictures.to(anchor.device))
        region = subject.face_region.to(**to).expand(1, 3, -1, -1)
        return networks.denoising_unet.prepare(
            Conditions(
                bank=self._read_pictures(latents.to(anchor.dtype), identity, is_guided),
                identity=identity if is_guided else identity[1:],
                speech=speech.to(**to),
                face=networks.face_locator(region),
                masks=[mask.to(**to) for mask in subject.masks],
                region_weights=subject.region_weights.to(**to),
            )
        )

    @torch.inference_mode()
    def denoise(
        self,
        constants: ClipConstants,
        noise: Tensor,
        n_steps: int,
        guidance_scale: float,
        preset: Preset = QUALITY,
    ) -> Iterator[Step]:
        """Yield after every step, so that the caller can stop between two.

        Args:
            noise: (F, 4, h, w), float32.
            guidance_scale: 1 needs constants without an unconditional half.
        """
        dtype = self.networks.imageproj.proj.weight.dtype
        schedule = Schedule(n_steps, preset.scheduler)
        latents = noise
        inside: Tensor | None = None  # what the levels below the finest gave at an earlier step
        for i, timestep in enumerate(schedule.timesteps):
            is_guided = len(constants.face) == 2 and preset.guides(i, n_steps)
            used = constants if is_guided else constants.conditional()
            rows = latents.to(dtype).repeat(len(used.face), 1, 1, 1)
            reused = None if inside is None or preset.renews(i) or len(inside) < len(rows) else inside[-len(rows) :]
            time = torch.tensor([timestep], device=noise.device)
            prediction, inside = self._predict(rows, time, used, reused)
            if is_guided:
                unconditional, prediction = prediction.chunk(2)
                prediction = unconditional + guidance_scale * (prediction - unconditional)
            latents = schedule.step(prediction, timestep, latents)
            yield Step(i + 1, latents)

    def _predict(
        self, rows: Tensor, time: Tensor, constants: ClipConstants, reused: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """`predict` for both halves together, or one after the other where memory asks for it."""
        n_halves = len(constants.face)
        n_frames = len(rows) // n_halves

        def run(halves: slice) -> tuple[Tensor, Tensor]:
            part = slice(halves.start * n_frames, halves.stop * n_frames)
            return self.predict(rows[part], time, constants.of(halves), None if reused is None else reused[part])

        predictions, insides = zip(*self.halves.map(n_halves, run), strict=True)
        return joined(predictions), joined(insides)

    def _read_pictures(self, latents: Tensor, identity: Tensor, is_guided: bool) -> dict[str, Tensor]:
        """The reference network on all pictures, for each half.

        The original tiles the two identities over the rows [pictures of one half, pictures of the other], so that
        row r gets identity r mod 2 whichever half it belongs to; the weights are used to it.
        """
        n_pictures = len(latents)
        rows = torch.arange(2 * n_pictures)
        if not is_guided:
            rows = rows[n_pictures:]

        def read(part: slice) -> dict[str, Tensor]:
            bank: dict[str, Tensor] = self.networks.reference_unet(
                latents[rows[part] % n_pictures], identity[rows[part] % 2]
            )[1]
            return bank

        banks = self.references.map(len(rows), read)
        return {path: joined([bank[path] for bank in banks]) for path in banks[0]}
