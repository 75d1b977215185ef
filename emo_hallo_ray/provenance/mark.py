"""A mark that everybody sees: a few words in the lower corner of every frame."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from emo_hallo_ray.errors import InvalidSettings
from emo_hallo_ray.media.frames import Frames

# shares of the frame's width
LETTER_SHARE, MARGIN_SHARE = 0.032, 0.03
MIN_LETTER_PX = 11
MISSING = "\uffff"  # no font has it


@dataclass(frozen=True)
class VisibleMark:
    """Words that can be read on light and on dark.

    Raises:
        InvalidSettings: the font has not all of their letters.
    """

    text: str

    def __post_init__(self) -> None:
        font = _font(32)
        nothing = bytes(font.getmask(MISSING))
        if strange := [letter for letter in self.text if bytes(font.getmask(letter)) == nothing]:
            raise InvalidSettings(
                f"provenance.visible_mark has {strange[0]!r}, which cannot be drawn", "use Latin letters, digits, signs"
            )

    def draw(self, frames: Frames) -> Frames:
        """Copies of (F, H, W, 3) RGB frames with the mark on them."""
        height_px, width_px = frames.shape[1:3]
        ink, cover = _stamp(self.text, width_px)
        rows, columns = cover.shape[:2]
        margin = round(width_px * MARGIN_SHARE)
        bottom, left = height_px - margin, margin
        part = (slice(None), slice(max(0, bottom - rows), bottom), slice(left, min(left + columns, width_px)))
        marked = frames.copy()
        below = marked[part].astype(np.uint16)
        cut = (slice(rows - below.shape[1], None), slice(0, below.shape[2]))
        marked[part] = (below * (255 - cover[cut]) + ink[cut] * cover[cut].astype(np.uint16) + 127) // 255
        return marked


@cache
def _stamp(text: str, width_px: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Grey levels (h, w, 1) of letters and their shadow, and how much they cover, 0 to 255."""
    letter_px = max(MIN_LETTER_PX, round(width_px * LETTER_SHARE))
    font, soft_px = _font(letter_px), max(1, letter_px // 6)
    left, top, right, bottom = font.getbbox(text)
    size = (int(right - left) + 4 * soft_px, int(bottom - top) + 4 * soft_px)
    letters = Image.new("L", size)
    ImageDraw.Draw(letters).text((2 * soft_px - left, 2 * soft_px - top), text, fill=255, font=font)
    shadow = letters.filter(ImageFilter.MaxFilter(3)).filter(ImageFilter.GaussianBlur(soft_px))
    white, dark = np.asarray(letters, np.uint16), np.minimum(np.asarray(shadow, np.uint16) * 3 // 2, 190)
    cover = np.maximum(white, dark)
    ink = np.where(cover > 0, 255 * white // np.maximum(cover, 1), 0)
    return ink.astype(np.uint16)[..., None], cover.astype(np.uint16)[..., None]


def _font(size_px: int) -> ImageFont.FreeTypeFont:
    """The one that Pillow brings along: Aileron, dedicated to the public domain."""
    font = ImageFont.load_default(size_px)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
