import io
import struct
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from emo_hallo_ray.errors import EmptyFile, ImageTooLarge, InvalidImageFormat, UnreadableImage
from emo_hallo_ray.media.image import decode_portrait
from emo_hallo_ray.media.limits import MediaLimits

LIMITS = MediaLimits()
PNG = b"\x89PNG\r\n\x1a\n"
ORANGE = (230, 120, 40)


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_header(width_px: int, height_px: int) -> bytes:
    return PNG + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0))


def corner_marked(width_px: int = 40, height_px: int = 24) -> Image.Image:
    """Orange, with a blue block in the top left corner."""
    picture = Image.new("RGB", (width_px, height_px), ORANGE)
    picture.paste((20, 40, 200), (0, 0, 8, 8))
    return picture


@pytest.mark.parametrize("extension", ["png", "jpeg"])
@pytest.mark.parametrize("size", [(1, 1), (7, 3), (640, 480), (4097, 5)], ids=str)
def test_any_size_comes_out_as_rgb(tmp_path: Path, extension: str, size: tuple[int, int]) -> None:
    path = tmp_path / f"p.{extension}"
    Image.new("RGB", size, ORANGE).save(path, quality=95)

    image = decode_portrait(path, LIMITS)

    assert image.dtype == np.uint8
    assert image.shape == (size[1], min(size[0], LIMITS.max_side_px), 3)
    assert np.abs(image.astype(int) - ORANGE).max() <= 3
    assert image.flags.writeable and image.flags.c_contiguous


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_png_mode_keeps_its_colours(tmp_path: Path, mode: str) -> None:
    grey = mode in ("1", "L", "LA")
    picture = corner_marked().convert("L").convert(mode) if grey else corner_marked().convert(mode)
    picture.save(tmp_path / "p.png")

    image = decode_portrait(tmp_path / "p.png", LIMITS)

    assert np.abs(image.astype(int) - np.asarray(picture.convert("RGB"))).max() <= 1


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_every_jpeg_mode_keeps_its_colours(tmp_path: Path, mode: str) -> None:
    picture = corner_marked().convert(mode)
    picture.save(tmp_path / "p.jpg", quality=98)  # Pillow writes CMYK as Adobe does, inverted

    image = decode_portrait(tmp_path / "p.jpg", LIMITS)

    assert np.abs(image.astype(int) - np.asarray(picture.convert("RGB"))).mean() < 4


@pytest.mark.parametrize("n_channels", [1, 3])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, n_channels: int) -> None:
    levels = np.linspace(0, 65535, 64).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "p.png"), np.tile(levels[None, :, None], (8, 1, n_channels)))

    image = decode_portrait(tmp_path / "p.png", LIMITS)

    assert np.abs(image[0].astype(int) - (levels >> 8)[:, None]).max() <= 1


def test_transparent_pixels_show_grey(tmp_path: Path) -> None:
    picture = corner_marked().convert("RGBA")
    picture.paste((255, 0, 0, 0), (20, 0, 40, 24))
    picture.save(tmp_path / "p.png")

    image = decode_portrait(tmp_path / "p.png", LIMITS)

    assert tuple(image[12, 30]) == (128, 128, 128)
    assert tuple(image[12, 15]) == ORANGE


def test_a_transparent_palette_colour_shows_grey(tmp_path: Path) -> None:
    picture = corner_marked().quantize(4)
    picture.save(tmp_path / "p.png", transparency=picture.getpixel((30, 12)))

    assert tuple(decode_portrait(tmp_path / "p.png", LIMITS)[12, 30]) == (128, 128, 128)


@pytest.mark.parametrize("extension", ["png", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(tmp_path: Path, orientation: int, extension: str) -> None:
    turned_as_stored = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = corner_marked()
    stored = upright.transpose(turned_as_stored[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / f"p.{extension}", exif=exif, quality=98)

    image = decode_portrait(tmp_path / f"p.{extension}", LIMITS)

    assert image.shape == (24, 40, 3)
    assert np.abs(image.astype(int) - np.asarray(upright)).mean() < 4


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow says in the log what it skips
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0MM", b"Exif\0\0" + b"\xff" * 40, b"Exif\0\0II*\0\xff\xff\xff\x7f"], ids=repr
)
def test_broken_exif_does_not_spoil_good_pixels(tmp_path: Path, exif: bytes) -> None:
    corner_marked().save(tmp_path / "p.jpg", exif=exif)

    assert decode_portrait(tmp_path / "p.jpg", LIMITS).shape == (24, 40, 3)


def test_a_colour_profile_is_applied(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swaps_red_and_green = srgb.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    corner_marked().save(tmp_path / "p.png", icc_profile=swaps_red_and_green)

    image = decode_portrait(tmp_path / "p.png", LIMITS)

    assert np.abs(image[12, 30].astype(int) - (120, 230, 40)).max() <= 3


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("profile", ["srgb", "nonsense"])
def test_a_profile_that_does_not_fit_is_ignored(tmp_path: Path, mode: str, profile: str) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = corner_marked().convert(mode)
    picture.save(tmp_path / "p.jpg", icc_profile=srgb if profile == "srgb" else b"nonsense" * 20, quality=98)

    image = decode_portrait(tmp_path / "p.jpg", LIMITS)

    assert np.abs(image.astype(int) - np.asarray(picture.convert("RGB"))).mean() < 4


@pytest.mark.parametrize("extension", ["png", "jpeg"])
def test_a_large_picture_is_reduced(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"p.{extension}"
    corner_marked(1000, 600).resize((1000, 600)).save(path, quality=95)

    image = decode_portrait(path, MediaLimits(max_side_px=200))

    assert image.shape == (120, 200, 3)
    assert np.abs(image[60, 100].astype(int) - ORANGE).max() <= 3


@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 2**31 - 1), (50_000_001, 1)], ids=str)
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "p.png").write_bytes(png_header(*size) + png_chunk(b"IDAT", zlib.compress(bytes(100))))
    started = time.monotonic()

    with pytest.raises(ImageTooLarge, match=f"{size[0]}×{size[1]}.*at most 16.8 million"):
        decode_portrait(tmp_path / "p.png", LIMITS)

    assert time.monotonic() - started < 0.5


def test_a_jpeg_over_the_limit_is_refused_by_its_header(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    corner_marked().save(buffer, "jpeg")
    lying = buffer.getvalue().replace(struct.pack(">HH", 24, 40), struct.pack(">HH", 65_000, 65_000), 1)
    (tmp_path / "p.jpg").write_bytes(lying)

    with pytest.raises(ImageTooLarge, match="65000×65000"):
        decode_portrait(tmp_path / "p.jpg", LIMITS)


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_bomb_in_a_text_chunk_is_defused(tmp_path: Path, name: bytes) -> None:
    bomb = zlib.compress(bytes(80_000_000), 9)
    content = b"k\0\1\0\0\0" + bomb if name == b"iTXt" else b"k\0\0" + bomb
    whole = io.BytesIO()
    corner_marked().save(whole, "png")
    rest = whole.getvalue()[len(png_header(1, 1)) :]
    (tmp_path / "p.png").write_bytes(png_header(40, 24) + png_chunk(name, content) + rest)
    started = time.monotonic()

    with pytest.raises(UnreadableImage, match=r"too large|Decompress"):
        decode_portrait(tmp_path / "p.png", LIMITS)

    assert time.monotonic() - started < 1


def test_a_jpeg_of_endless_scans_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    corner_marked().save(buffer, "jpeg", progressive=True)
    data = buffer.getvalue()
    last_scan = data[data.rfind(b"\xff\xda") : -2]
    (tmp_path / "p.jpg").write_bytes(data[:-2] + last_scan * 1000 + data[-2:])

    with pytest.raises(UnreadableImage, match="scans"):
        decode_portrait(tmp_path / "p.jpg", LIMITS)


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    corner_marked().save(tmp_path / "p.png")

    with pytest.raises(ImageTooLarge, match="MiB"):
        decode_portrait(tmp_path / "p.png", MediaLimits(max_image_bytes=10))


@pytest.mark.parametrize(("extension", "options"), [("png", {}), ("jpg", {}), ("jpg", {"progressive": True})])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_refused(tmp_path: Path, extension: str, options: dict[str, bool], share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / f"whole.{extension}", **options)
    whole = (tmp_path / f"whole.{extension}").read_bytes()
    (tmp_path / "p").write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(UnreadableImage, match="does not decode"):
        decode_portrait(tmp_path / "p", LIMITS)


def test_the_first_frame_of_an_animation_is_taken(tmp_path: Path) -> None:
    red, blue = Image.new("RGB", (16, 16), "red"), Image.new("RGB", (16, 16), "blue")
    red.save(tmp_path / "a.png", save_all=True, append_images=[blue])
    red.save(tmp_path / "a.mpo", save_all=True, append_images=[blue])

    for name in ("a.png", "a.mpo"):
        assert decode_portrait(tmp_path / name, LIMITS)[8, 8].argmax() == 0


@pytest.mark.parametrize("extension", ["gif", "webp", "bmp", "tiff"])
def test_another_format_is_refused_in_the_documents_words(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"x.{extension}"
    corner_marked().save(path)
    path = path.rename(tmp_path / "p.jpg")

    with pytest.raises(InvalidImageFormat) as caught:
        decode_portrait(path, LIMITS)

    assert caught.value.detail == "Invalid image file format"
    assert extension in (caught.value.hint or "").lower()


def test_an_empty_file_is_its_own_error(tmp_path: Path) -> None:
    (tmp_path / "p.png").touch()

    with pytest.raises(EmptyFile):
        decode_portrait(tmp_path / "p.png", LIMITS)
