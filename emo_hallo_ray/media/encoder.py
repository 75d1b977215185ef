"""Which H.264 encoder makes the picture: NVENC on a GPU that has one, x264 elsewhere."""

import logging
import subprocess
from functools import cache
from typing import Literal

from emo_hallo_ray.errors import MediaToolFailed
from emo_hallo_ray.gpu import describe_gpus
from emo_hallo_ray.media.ffmpeg import ffmpeg_path, run

log = logging.getLogger(__name__)

Encoder = Literal["x264", "nvenc"]

# quality: 18 is hard to tell from the original at 1:1
CRF = 18
# about 230 frames/s at 512² on two cores; the next slower one, 5 % smaller files, does 170
PRESET = "veryfast"
# what every generation of NVENC takes as H.264; x264 goes beyond
NVENC_MIN_SIDE_PX, NVENC_MAX_SIDE_PX = 160, 4096
TRIAL = "color=c=gray:s=256x256:r=25:d=0.2"
TRIAL_TIMEOUT_S = 30.0


def choose_encoder(width_px: int = 512, height_px: int = 512) -> Encoder:
    """Choose an encoder for a video of this size; the machine is examined once per process.

    A video is to have one encoder from its first segment to its last: choose once per task and keep the answer with it.
    """
    shorter_px, longer_px = sorted((width_px, height_px))
    fits = shorter_px >= NVENC_MIN_SIDE_PX and longer_px <= NVENC_MAX_SIDE_PX
    return "nvenc" if fits and _nvenc_works() else "x264"


def encoder_args(encoder: Encoder, crf: int = CRF) -> list[str]:
    """The ffmpeg options for H.264 High at a quality from 0, best, to 51."""
    if encoder == "nvenc":
        return ["-c:v", "h264_nvenc", "-profile:v", "high", "-preset", "p5", "-rc", "vbr", "-cq", str(crf), "-b:v", "0"]
    return ["-c:v", "libx264", "-profile:v", "high", "-preset", PRESET, "-crf", str(crf)]


@cache
def _nvenc_works() -> bool:
    """Whether NVENC encodes a few frames: data-centre cards without it, old drivers and taken sessions only show so."""
    if not _lists_nvenc() or not describe_gpus():
        return False
    source = ["-f", "lavfi", "-i", TRIAL, "-pix_fmt", "yuv420p"]
    try:
        run([*source, *encoder_args("nvenc"), "-bf", "0", "-f", "null", "pipe:1"], TRIAL_TIMEOUT_S)
    except MediaToolFailed as error:
        log.warning("nvenc does not work here, x264 encodes", extra={"reason": error.detail})
        return False
    return True


def _lists_nvenc() -> bool:
    try:
        listing = subprocess.run([ffmpeg_path(), "-hide_banner", "-encoders"], capture_output=True, timeout=30)
    except subprocess.TimeoutExpired:
        return False
    return b"h264_nvenc" in listing.stdout.split()
