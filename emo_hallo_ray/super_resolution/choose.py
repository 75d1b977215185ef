"""Which enlarger serves a video."""

import logging

from emo_hallo_ray.super_resolution.base import EnlargeOptions, Enlarger

log = logging.getLogger(__name__)


def choose_enlarger(options: EnlargeOptions) -> Enlarger:
    """The enlarger for a video: Lanczos, which restores neither faces nor background and needs no weights."""
    from emo_hallo_ray.super_resolution.lanczos import LanczosEnlarger

    enlarger = LanczosEnlarger(options.factor)
    log.info("enlarger chosen", extra={"method": enlarger.method, "factor": options.factor})
    return enlarger
