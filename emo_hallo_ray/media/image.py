"""Portraits from files: JPEG or PNG in any mode, to upright 8-bit sRGB."""

import io
import mmap
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from emo_hallo_ray.errors import ImageTooLarge, UnreadableImage
from emo_hallo_ray.media.limits import MIB, MediaLimits
from emo_hallo_ray.media.sniff import ImageFormat, sniff_image
from emo_hallo_ray.redaction import without_folders

BACKDROP_RGB = (128, 128, 128)  # what shows through transparent pixels
# progressive JPEGs have about ten scans; each costs a pass over the whole picture and next to no bytes
MAX_JPEG_SCANS = 100
START_OF_SCAN = b"\xff\xda"
# all that Pillow raises on bad content: its parsers and codecs throw what they trip over
PILLOW_ERRORS = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, struct.error, zlib.error)
STRIP_PX = 256
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_portrait(path: Path, limits: MediaLimits) -> NDArray[np.uint8]:
    """Decode a JPEG or PNG to what a person sees who looks at it.

    Returns:
        (H, W, 3) RGB, turned upright, in sRGB, transparency on grey, at most `max_side_px` on the long side.

    Raises:
        EmptyFile, InvalidImageFormat: it is no picture of ours.
        ImageTooLarge: by its header, before anything is decoded.
        UnreadableImage: it is damaged or incomplete.
    """
    image_format = sniff_image(path)
    _check_file(path, image_format, limits)
    with path.open("rb") as file, _pillow_errors_as_ours():
        # not Image.open: it would guess among all formats, and its own limit on pixels is a global variable
        opened = JpegImageFile(file) if image_format is ImageFormat.JPEG else PngImageFile(file)
        _check_size(opened.width, opened.height, image_format, limits)
        image = _decode(opened, limits.max_side_px)
    upright = UPRIGHT.get(_orientation(image))
    image = _to_srgb(_shrink(image, limits.max_side_px))
    return np.array(image if upright is None else image.transpose(upright))


def _check_file(path: Path, image_format: ImageFormat, limits: MediaLimits) -> None:
    size_bytes = path.stat().st_size
    if size_bytes > limits.max_image_bytes:
        raise ImageTooLarge(
            f"the image file has {size_bytes / MIB:.0f} MiB", f"at most {limits.max_image_bytes / MIB:.0f} MiB"
        )
    if image_format is ImageFormat.JPEG and (n_scans := _count_scans(path)) > MAX_JPEG_SCANS:
        raise UnreadableImage(f"the JPEG has {n_scans} scans", f"at most {MAX_JPEG_SCANS}")


def _count_scans(path: Path) -> int:
    """Inside compressed data 0xFF is escaped, so that this finds scans only, here or in an embedded preview."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        n_scans, at = 0, data.find(START_OF_SCAN)
        while at >= 0:
            n_scans += 1
            at = data.find(START_OF_SCAN, at + len(START_OF_SCAN))
        return n_scans


def _check_size(width_px: int, height_px: int, image_format: ImageFormat, limits: MediaLimits) -> None:
    most, instead = limits.max_pixels, ""
    if image_format is ImageFormat.PNG and limits.max_png_pixels < most:
        most, instead = limits.max_png_pixels, ", or save it as JPEG"
    if width_px * height_px > most:
        raise ImageTooLarge(
            f"the image has {width_px}×{height_px} = {width_px * height_px / 1e6:.1f} million pixels",
            f"at most {most / 1e6:.3g} million{instead}",
        )


@contextmanager
def _pillow_errors_as_ours() -> Iterator[None]:
    try:
        yield
    except PILLOW_ERRORS as error:
        raise UnreadableImage(
            f"the image does not decode: {without_folders(str(error))}",
            "the file is damaged or incomplete; save it again as JPEG or PNG",
        ) from error


def _decode(opened: ImageFile, max_side_px: int) -> Image.Image:
    """Decode the first frame to one of the modes L, RGB, RGBA and CMYK."""
    if isinstance(opened, JpegImageFile):
        # the decoder halves the size as long as the result stays larger than asked for
        scale = max_side_px / max(opened.size)
        opened.draft(opened.mode, (max(1, round(opened.width * scale)), max(1, round(opened.height * scale))))
    opened.load()
    if opened.mode.startswith("I"):  # 16-bit grey, which Pillow's own conversion would clip, not scale
        eight_bit = Image.fromarray((np.asarray(opened).astype(np.int32) >> 8).astype(np.uint8))
        eight_bit.info = opened.info
        return eight_bit
    if opened.has_transparency_data:
        return (
            opened if opened.mode == "RGBA" else opened.convert("RGBA")
        )  # `convert` copies even where nothing changes
    return opened if opened.mode in ("L", "RGB", "CMYK") else opened.convert("RGB")


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 (upright) where there is none or it cannot be read."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except PILLOW_ERRORS:  # cameras and editors write broken EXIF around good pixels
        return 1


def _shrink(image: Image.Image, max_side_px: int) -> Image.Image:
    scale = max_side_px / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _to_srgb(image: Image.Image) -> Image.Image:
    """Apply the embedded colour profile and put transparent pixels on the backdrop."""
    profile = image.info.get("icc_profile")
    if image.mode != "RGBA":
        return _convert_colours(image, profile)
    flat = Image.new("RGB", image.size, BACKDROP_RGB)
    for top in range(0, image.height, STRIP_PX):  # each step on the whole picture would be a copy of it
        box = (0, top, image.width, min(top + STRIP_PX, image.height))
        strip = image.crop(box)
        flat.paste(_convert_colours(strip.convert("RGB"), profile), box, mask=strip.getchannel("A"))
    return flat


def _convert_colours(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile:
        return image if image.mode == "RGB" else image.convert("RGB")  # `convert` copies even where nothing changes
    try:
        converted = ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, *PILLOW_ERRORS):  # a profile that is broken or meant for other channels
        return image.convert("RGB")
    assert converted is not None
    return converted
