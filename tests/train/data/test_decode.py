"""From any file to RGB pixels: what is accepted, how it is converted, what is refused and why."""

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from glcic_train.data.decode import RejectedPhoto, channel_sums, decode_photo, encode_photo


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def png_that_declares(width: int, height: int) -> bytes:
    """A PNG file of some hundred bytes, whatever size it declares."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def rejection(data: bytes, **options: int) -> RejectedPhoto:
    with pytest.raises(RejectedPhoto) as caught:
        decode_photo(data, 64, **options)
    return caught.value


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "WEBP"])
def test_lossless_formats_come_through_unchanged(photo: Callable[..., np.ndarray], form: str):
    pixels = photo(1, 50, 40)

    decoded = decode_photo(saved(Image.fromarray(pixels), form, **({"lossless": True} if form == "WEBP" else {})), 384)

    assert np.array_equal(decoded.pixels, pixels)
    assert decoded.original_size == (50, 40)


def test_a_large_photo_is_shrunk_by_area_to_the_shortest_edge(photo: Callable[..., np.ndarray]):
    pixels = photo(1, 400, 200)

    decoded = decode_photo(saved(Image.fromarray(pixels), "PNG"), 100)

    assert np.array_equal(decoded.pixels, cv2.resize(pixels, (200, 100), interpolation=cv2.INTER_AREA))
    assert decoded.original_size == (400, 200)


def test_a_small_photo_is_never_enlarged(photo: Callable[..., np.ndarray]):
    assert decode_photo(saved(Image.fromarray(photo(1, 50, 40)), "PNG"), 384).pixels.shape == (40, 50, 3)


def test_the_reduced_jpeg_decoding_looks_like_shrinking_the_whole(photo: Callable[..., np.ndarray]):
    grain = np.random.default_rng(0).integers(-20, 20, (1203, 1601, 3))
    data = encode_photo(np.clip(photo(3, 1601, 1203) + grain, 0, 255).astype(np.uint8), "jpeg", 92)
    whole = np.asarray(Image.open(io.BytesIO(data)))

    decoded = decode_photo(data, 200).pixels

    expected = cv2.resize(whole, (266, 200), interpolation=cv2.INTER_AREA)
    assert decoded.shape == expected.shape
    assert cv2.PSNR(decoded, expected) > 38


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_obeyed(photo: Callable[..., np.ndarray], orientation: int):
    upright = photo(1, 60, 40)
    inverse = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1), 7: upright[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(upright, -1),
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation

    data = saved(Image.fromarray(np.ascontiguousarray(inverse[orientation])), "PNG", exif=exif)

    decoded = decode_photo(data, 384)
    assert np.array_equal(decoded.pixels, upright)
    assert decoded.original_size == (60, 40)


def test_a_turned_photo_is_shrunk_to_its_upright_proportions(photo: Callable[..., np.ndarray]):
    exif = Image.Exif()
    exif[0x0112] = 6

    decoded = decode_photo(saved(Image.fromarray(photo(1, 800, 600)), "JPEG", exif=exif), 60)

    assert decoded.pixels.shape == (80, 60, 3)
    assert decoded.original_size == (600, 800)


def test_broken_exif_data_does_not_cost_the_photo(photo: Callable[..., np.ndarray]):
    data = saved(Image.fromarray(photo(1)), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\xff" * 40)

    assert decode_photo(data, 384).pixels.shape == (90, 120, 3)


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_grey_and_palette_images_become_rgb(photo: Callable[..., np.ndarray], mode: str):
    image = Image.fromarray(photo(1)).convert(mode)

    decoded = decode_photo(saved(image, "PNG"), 384)

    assert np.array_equal(decoded.pixels, np.asarray(image.convert("RGB")))


def test_cmyk_is_converted_to_the_colours_it_shows():
    image = Image.new("CMYK", (80, 80), (0, 255, 255, 0))

    red, green, blue = decode_photo(saved(image, "JPEG", quality=95), 384).pixels[40, 40]

    assert red > 240
    assert green < 15
    assert blue < 15


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_become_8_over_the_full_range(channels: int):
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    written = ramp if channels == 1 else np.dstack([ramp, ramp[::-1], ramp])
    data = cv2.imencode(".png", written[..., ::-1] if channels == 3 else written)[1].tobytes()

    decoded = decode_photo(data, 384)

    assert np.abs(decoded.pixels[..., 0].astype(int) - np.rint(ramp / 257)).max() <= 1
    assert decoded.pixels.max() == 255


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_an_embedded_profile_is_converted_to_srgb(photo: Callable[..., np.ndarray]):
    # sRGB with the primaries of red and blue exchanged.
    profile = srgb_profile().replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    profile = profile.replace("sRGB".encode("utf-16-be"), "sBGR".encode("utf-16-be"))

    decoded = decode_photo(saved(Image.fromarray(photo(1)), "PNG", icc_profile=profile), 384)

    assert np.abs(decoded.pixels.astype(int) - photo(1)[..., ::-1]).max() <= 1


def test_a_photo_in_srgb_by_its_profile_is_not_touched(photo: Callable[..., np.ndarray]):
    decoded = decode_photo(saved(Image.fromarray(photo(1)), "PNG", icc_profile=srgb_profile()), 384)

    assert np.array_equal(decoded.pixels, photo(1))


def test_a_profile_that_does_not_fit_is_passed_over(photo: Callable[..., np.ndarray]):
    decoded = decode_photo(saved(Image.fromarray(photo(1)), "PNG", icc_profile=b"no profile at all"), 384)

    assert np.array_equal(decoded.pixels, photo(1))


def test_an_opaque_alpha_channel_is_dropped_and_a_transparent_one_refused(photo: Callable[..., np.ndarray]):
    image = Image.fromarray(photo(1)).convert("RGBA")
    opaque = saved(image, "PNG")
    image.putpixel((3, 3), (0, 0, 0, 254))

    assert np.array_equal(decode_photo(opaque, 384).pixels, photo(1))
    assert rejection(saved(image, "PNG")).code == "transparent"


def test_a_phone_photo_with_a_second_picture_behind_it_is_accepted(photo: Callable[..., np.ndarray]):
    first, second = Image.fromarray(photo(1, 90, 80)), Image.fromarray(photo(2, 90, 80))

    decoded = decode_photo(saved(first, "MPO", save_all=True, append_images=[second], quality=95), 384)

    assert np.abs(decoded.pixels.astype(int) - photo(1, 90, 80)).mean() < 4


@pytest.mark.parametrize("form", ["WEBP", "PNG", "TIFF"])
def test_animations_and_pages_are_refused(photo: Callable[..., np.ndarray], form: str):
    frames = [Image.fromarray(photo(seed)) for seed in range(3)]

    assert rejection(saved(frames[0], form, save_all=True, append_images=frames[1:])).code == "animated"


def test_a_bomb_is_refused_by_its_header_before_memory_is_taken():
    tracemalloc.start()
    reasons = [rejection(png_that_declares(30_000, side)) for side in (5_000, 30_000)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert [reason.code for reason in reasons] == ["too-large", "too-large"]
    assert "30000 x 5000" in str(reasons[0])
    assert peak < 20e6


def test_the_limit_of_pixels_can_be_set(photo: Callable[..., np.ndarray]):
    data = saved(Image.fromarray(photo(1, 100, 100)), "PNG")

    assert decode_photo(data, 64, max_pixels=10_000).pixels.shape == (64, 64, 3)
    assert rejection(data, max_pixels=9_999).code == "too-large"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_truncated_file_is_refused(photo: Callable[..., np.ndarray], form: str):
    data = saved(Image.fromarray(photo(1, 200, 150)), form)

    assert rejection(data[: int(len(data) * 0.7)]).code in ("damaged", "format")


@pytest.mark.parametrize(
    "data",
    [b"", b"Dear diary, this is text.\n" * 50, b"GIF89a" + bytes(100), b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xff\xd8\xff"],
    ids=["empty", "text", "gif", "postscript", "jpeg-start"],
)
def test_what_is_no_photo_is_refused(data: bytes):
    assert rejection(data).code in ("format", "damaged")


def test_a_photo_of_one_pixel_is_too_small_only_where_a_least_size_is_asked():
    data = saved(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG")

    assert decode_photo(data, 64).pixels.tolist() == [[[1, 2, 3]]]
    assert rejection(data, min_side=2).code == "too-small"


def test_pixels_without_a_known_range_are_refused(tmp_path: Path):
    tifffile.imwrite(tmp_path / "float.tif", np.ones((80, 80), np.float32))

    assert rejection((tmp_path / "float.tif").read_bytes()).code == "format"


def test_random_damage_is_refused_or_decoded_but_never_raises_anything_else(photo: Callable[..., np.ndarray]):
    random = np.random.default_rng(0)
    verdicts = set()
    for form in ("JPEG", "PNG", "WEBP", "TIFF", "BMP"):
        whole = np.frombuffer(saved(Image.fromarray(photo(1)), form), np.uint8)
        for _ in range(60):
            damaged = whole.copy()
            damaged[random.integers(0, len(whole), 8)] = random.integers(0, 256, 8)
            try:
                verdicts.add(decode_photo(damaged.tobytes(), 64, max_pixels=10**6).pixels.ndim)
            except RejectedPhoto as reason:
                verdicts.add(reason.code)

    assert {3, "damaged"} <= verdicts


def test_channel_sums_are_exact():
    pixels = np.random.default_rng(0).integers(0, 256, (301, 407, 3), np.uint8)

    assert channel_sums(pixels) == tuple(pixels.reshape(-1, 3).sum(axis=0, dtype=np.int64))


@pytest.mark.parametrize(("encoding", "kept"), [("jpeg", 35), ("webp", 33)])
def test_encoding_keeps_the_photo_and_no_metadata(photo: Callable[..., np.ndarray], encoding: str, kept: int):
    data = encode_photo(photo(1, 300, 200), encoding, 92)

    image = Image.open(io.BytesIO(data))
    assert cv2.PSNR(np.asarray(image.convert("RGB")), photo(1, 300, 200)) > kept
    assert not image.getexif()
    assert "icc_profile" not in image.info
