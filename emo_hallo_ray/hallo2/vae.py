"""Pictures to latents and back, a bounded number of pictures at a time."""

from diffusers import AutoencoderKL
from torch import Tensor

from emo_hallo_ray.hallo2.batches import Batches, joined

SCALE = 0.18215  # of Stable Diffusion's latents


class PictureCodec:
    """The variational autoencoder as this model uses it: the mean, never a sample.

    Attributes:
        batches: pictures at a time; bounds the memory, which is largest here.
    """

    def __init__(self, vae: AutoencoderKL, batch: int = 4) -> None:
        self.vae = vae
        self.batches = Batches("pictures in the autoencoder", batch)

    def encode(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) in −1…1 → (N, 4, H/8, W/8)."""
        pictures = pictures.to(self.vae.dtype)
        means = self.batches.map(len(pictures), lambda part: self.vae.encode(pictures[part]).latent_dist.mean)
        return joined(means) * SCALE

    def decode(self, latents: Tensor) -> Tensor:
        """(N, 4, h, w) → (N, 3, 8h, 8w) in 0…1, float32."""
        scaled = (latents / SCALE).to(self.vae.dtype)
        pictures = self.batches.map(len(scaled), lambda part: self.vae.decode(scaled[part]).sample.float())
        return (joined(pictures) / 2 + 0.5).clamp_(0, 1)
