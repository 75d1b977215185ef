"""The five networks of `net.pth` as one module, whose state dict is that file."""

from torch import nn

from emo_hallo_ray.hallo2.config import Hallo2Config
from emo_hallo_ray.hallo2.denoising_unet import DenoisingUNet
from emo_hallo_ray.hallo2.face_locator import FaceLocator
from emo_hallo_ray.hallo2.projections import AudioProjection, ImageProjection
from emo_hallo_ray.hallo2.reference_unet import ReferenceUNet


class Hallo2Networks(nn.Module):
    """Names as in the checkpoint."""

    def __init__(self, config: Hallo2Config) -> None:
        super().__init__()
        unet = config.unet
        self.config = config
        self.reference_unet = ReferenceUNet(unet)
        self.denoising_unet = DenoisingUNet(unet)
        self.face_locator = FaceLocator(config.locator_widths, unet.widths[0])
        self.imageproj = ImageProjection(config.identity_input, config.identity_tokens, unet.identity_width)
        self.audioproj = AudioProjection(config.audio_input, config.audio_hidden, config.audio_tokens, unet.audio_width)

    def forget_unused(self) -> None:
        """Drop what the checkpoint has and nothing runs: a ninth of the denoiser, the motion modules of some blocks."""
        for block in [*self.denoising_unet.down_blocks, *self.denoising_unet.up_blocks]:
            if not hasattr(block, "attentions"):
                del block.motion_modules
