"""Pictures to latents and back, a bounded number of pictures at a time."""

import torch
from diffusers import AutoencoderKL
from torch import Tensor

SCALE = 0.18215  # of Stable Diffusion's latents


class PictureCodec:
    """The variational autoencoder as this model uses it: the mean, never a sample.

    Attributes:
        batch: pictures at a time; bounds the memory, which is largest here.
    """

    def __init__(self, vae: AutoencoderKL, batch: int = 4) -> None:
        self.vae = vae
        self.batch = batch

    def encode(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) in −1…1 → (N, 4, H/8, W/8)."""
        means = [self.vae.encode(part).latent_dist.mean for part in self._parts(pictures)]
        return torch.cat(means) * SCALE

    def decode(self, latents: Tensor) -> Tensor:
        """(N, 4, h, w) → (N, 3, 8h, 8w) in 0…1, float32."""
        pictures = [self.vae.decode(part).sample.float() for part in self._parts(latents / SCALE)]
        return (torch.cat(pictures) / 2 + 0.5).clamp_(0, 1)

    def _parts(self, x: Tensor) -> tuple[Tensor, ...]:
        return x.to(self.vae.dtype).split(self.batch)
