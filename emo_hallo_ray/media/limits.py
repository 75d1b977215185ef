"""What is refused, and how long a media tool may take."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class MediaLimits:
    """Bounds on one upload.

    Attributes:
        max_image_bytes: size of the picture's file, which is held in memory.
        max_pixels: width times height, as the header says it; checked before anything is decoded.
        max_png_pixels: the same for PNG, which cannot be decoded at a fraction of its size, as JPEG can.
        max_side_px: longer pictures are accepted and reduced to this on decoding.
        min_audio_s: shortest recording; exactly this much is accepted.
        max_audio_s: longest recording; decoding stops there.
        silence_dbfs: a recording whose loudest sample stays below is silent.
        tool_timeout_s: one run of ffmpeg over one upload.
    """

    max_image_bytes: int = 200 * MIB
    max_pixels: int = 50_000_000
    max_png_pixels: int = 4096 * 4096
    max_side_px: int = 4096
    min_audio_s: float = 0.1
    max_audio_s: float = 4 * 3600.0
    silence_dbfs: float = -60.0
    tool_timeout_s: float = 120.0
