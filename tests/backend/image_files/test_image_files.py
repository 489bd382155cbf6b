"""Photographs as files: every bit and the metadata survive."""

import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files import Picture, read_picture, write_picture

from .image_samples import exif_block, noise, png_bytes, png_chunk

LOSSLESS = [(".png", "uint8"), (".png", "uint16"), (".webp", "uint8")]
LOSSLESS += [(extension, kind) for extension in (".tif", ".tiff") for kind in ("uint8", "uint16", "float32")]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    form=st.sampled_from(LOSSLESS),
    channels=st.integers(1, 4),
    width=st.integers(1, 70),
    height=st.integers(1, 50),
    seed=st.integers(0, 1000),
)
def test_a_picture_comes_back_from_a_lossless_format_bit_for_bit(tmp_path, form, channels, width, height, seed):
    extension, kind = form
    pixels = noise(width, height, channels, kind, seed)

    write_picture(tmp_path / f"picture{extension}", Picture(pixels))
    found = read_picture(tmp_path / f"picture{extension}").pixels

    if extension == ".webp" and channels <= 2:  # WebP knows no grey
        pixels = np.concatenate([pixels[..., :1]] * 3 + [pixels[..., 1:]], axis=2)
    if extension == ".webp" and channels in (2, 4) and (pixels[..., -1] == 255).all():
        pixels = pixels[..., :3]  # nor alpha that hides nothing
    assert found.dtype == pixels.dtype
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_a_png_of_ours_is_read_the_same_by_another_decoder(tmp_path, kind, channels):
    pixels = noise(61, 47, channels, kind)
    write_picture(tmp_path / "picture.png", Picture(pixels))

    decoded = cv2.imread(str(tmp_path / "picture.png"), cv2.IMREAD_UNCHANGED)

    blue_first = {1: [0], 2: [0, 0, 0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    np.testing.assert_array_equal(decoded, pixels[..., blue_first].squeeze())


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("block", [None, exif_block(">")], ids=["little-endian", "big-endian"])
def test_a_tiff_of_ours_is_read_the_same_by_another_decoder(tmp_path, kind, channels, block):
    pixels = noise(300, 900, channels, kind)  # several strips
    write_picture(tmp_path / "picture.tif", Picture(pixels, exif=block))

    decoded = tifffile.imread(tmp_path / "picture.tif")

    np.testing.assert_array_equal(decoded.reshape(pixels.shape), pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["uint16", "float32"])
@pytest.mark.parametrize(
    "storage",
    [
        {},
        {"byteorder": ">"},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": 2},
        {"tile": (32, 16)},
        {"planarconfig": "separate"},
    ],
    ids=str,
)
def test_a_deep_tiff_of_another_program_keeps_every_bit(tmp_path, storage, kind, channels):
    if storage.get("predictor") and kind == "float32":
        storage = {"compression": "zlib"}  # horizontal differences are for integers
    if storage.get("planarconfig") and channels == 1:
        storage = {}  # one channel has no planes
    pixels = noise(60, 45, channels, kind)
    stored = pixels.transpose(2, 0, 1) if "planarconfig" in storage else pixels.squeeze()
    extra = {"extrasamples": ["unassalpha"]} if channels in (2, 4) else {}
    colours = "rgb" if channels > 2 else "minisblack"
    if channels == 2:
        storage = {"planarconfig": "contig", **storage}
    tifffile.imwrite(tmp_path / "deep.tif", stored, photometric=colours, metadata=None, **extra, **storage)

    np.testing.assert_array_equal(read_picture(tmp_path / "deep.tif").pixels, pixels)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", ["uint16", "float32"])
@pytest.mark.parametrize("predictor", [1, 2, 3])
def test_a_deep_lzw_tiff_keeps_every_bit(tmp_path, channels, kind, predictor):
    if predictor == {"uint16": 3, "float32": 2}[kind]:
        predictor = 1  # the other kind's predictor
    pixels = noise(40, 30, channels, kind)
    blue_first = pixels if channels == 1 else pixels[..., [2, 1, 0, 3][:channels]]
    options = [cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    cv2.imwrite(str(tmp_path / "lzw.tif"), blue_first, options)

    np.testing.assert_array_equal(read_picture(tmp_path / "lzw.tif").pixels, pixels)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_an_8_bit_tiff_is_read_whatever_its_compression(tmp_path, compression, mode):
    image = Image.fromarray(noise(40, 30, 4)).convert(mode)
    image.save(tmp_path / "picture.tif", compression=compression)

    expected = np.asarray(image).reshape(30, 40, -1)
    np.testing.assert_array_equal(read_picture(tmp_path / "picture.tif").pixels, expected)


@pytest.mark.parametrize("compression", ["packbits", "tiff_lzw", "tiff_adobe_deflate"])
def test_a_16_bit_grey_tiff_is_read_whatever_its_compression(tmp_path, compression):
    pixels = noise(40, 30, 1, "uint16")
    Image.fromarray(pixels[..., 0]).save(tmp_path / "grey.tif", compression=compression)

    np.testing.assert_array_equal(read_picture(tmp_path / "grey.tif").pixels, pixels)


@pytest.mark.parametrize("compression", ["lzw", "zstd", "lzma"])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_a_tiff_is_read_in_rarer_compressions_at_every_depth(tmp_path, compression, kind):
    pixels = noise(40, 30, 3, kind)
    tifffile.imwrite(
        tmp_path / "rare.tif", pixels, photometric="rgb", compression=compression, predictor=True, metadata=None
    )

    np.testing.assert_array_equal(read_picture(tmp_path / "rare.tif").pixels, pixels)


def test_palette_one_bit_and_jpeg_compressed_tiffs_become_rgb_or_grey(tmp_path):
    smooth = np.linspace(0, 255, 64 * 48 * 3).reshape(48, 64, 3).astype(np.uint8)
    image = Image.fromarray(smooth)
    image.quantize(16).save(tmp_path / "palette.tif")
    image.convert("1").save(tmp_path / "bits.tif", compression="group4")
    image.save(tmp_path / "jpeg.tif", compression="jpeg", quality=95)

    palette, bits, jpeg = (read_picture(tmp_path / f"{name}.tif").pixels for name in ("palette", "bits", "jpeg"))

    np.testing.assert_array_equal(palette, np.asarray(image.quantize(16).convert("RGB")))
    np.testing.assert_array_equal(bits[..., 0], np.asarray(image.convert("1")) * np.uint8(255))
    assert np.abs(jpeg.astype(int) - smooth).max() <= 8


def test_a_tiff_with_white_as_zero_is_inverted_at_8_and_16_bits(tmp_path):
    eight, sixteen = noise(20, 10, 1)[..., 0], noise(20, 10, 1, "uint16")[..., 0]
    tifffile.imwrite(tmp_path / "8.tif", 255 - eight, photometric="miniswhite", metadata=None)
    tifffile.imwrite(tmp_path / "16.tif", 65535 - sixteen, photometric="miniswhite", metadata=None)

    np.testing.assert_array_equal(read_picture(tmp_path / "8.tif").pixels[..., 0], eight)
    np.testing.assert_array_equal(read_picture(tmp_path / "16.tif").pixels[..., 0], sixteen)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_premultiplied_alpha_of_an_8_bit_tiff_becomes_straight(tmp_path, mode):
    straight = np.array([[[200, 100, 5, 128], [9, 9, 9, 0], [255, 0, 1, 255]]], np.uint8)
    straight = straight if mode == "RGBA" else np.ascontiguousarray(straight[..., [0, 3]])
    stored = straight.copy()
    stored[..., :-1] = np.rint(straight[..., :-1] * (straight[..., -1:] / 255))
    colours = {"RGBA": "rgb", "LA": "minisblack"}[mode]
    layout = {"planarconfig": "contig", "extrasamples": ["assocalpha"], "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric=colours, **layout)

    found = read_picture(tmp_path / "a.tif").pixels

    assert np.abs(found.astype(int) - straight)[straight[..., -1] > 0].max() <= 1
    np.testing.assert_array_equal(found[..., -1], straight[..., -1])


def test_premultiplied_alpha_of_a_16_bit_tiff_becomes_straight(tmp_path):
    straight = np.array([[[40000, 20000, 1000, 32768], [9, 9, 9, 0], [65535, 0, 1, 65535]]], np.uint16)
    stored = straight.copy()
    stored[..., :3] = np.rint(straight[..., :3] * (straight[..., 3:] / 65535))
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"], metadata=None)

    found = read_picture(tmp_path / "a.tif").pixels

    opaque_enough = straight[..., 3] > 0
    difference = np.abs(found.astype(int) - straight)[opaque_enough]
    assert difference.max() <= 1  # half transparent: one step of the product is two of the colour
    np.testing.assert_array_equal(found[..., 3], straight[..., 3])


class TestPng:
    def test_one_two_and_four_bits_of_grey_span_the_8_bit_range(self, tmp_path):
        for depth, row in ((1, b"\x80"), (2, b"\xc0"), (4, b"\xf0")):
            (tmp_path / "grey.png").write_bytes(png_bytes(2, 1, depth, 0, [row]))
            assert read_picture(tmp_path / "grey.png").pixels.tolist() == [[[255], [0]]]

    def test_a_palette_becomes_rgb_and_its_transparency_alpha(self, tmp_path):
        palette = (b"PLTE", bytes([10, 20, 30, 40, 50, 60]))
        (tmp_path / "opaque.png").write_bytes(png_bytes(2, 1, 8, 3, [b"\0\1"], palette))
        (tmp_path / "clear.png").write_bytes(png_bytes(2, 1, 8, 3, [b"\0\1"], palette, (b"tRNS", b"\x80")))

        assert read_picture(tmp_path / "opaque.png").pixels.tolist() == [[[10, 20, 30], [40, 50, 60]]]
        assert read_picture(tmp_path / "clear.png").pixels.tolist() == [[[10, 20, 30, 128], [40, 50, 60, 255]]]

    @pytest.mark.parametrize(
        ("depth", "kind", "row", "key", "expected"),
        [
            (4, 0, b"\x3f", [3], [[51, 0], [255, 255]]),
            (8, 0, b"\x07\x08", [7], [[7, 0], [8, 255]]),
            (16, 0, b"\x01\x02\x01\x03", [258], [[258, 0], [259, 65535]]),
            (8, 2, b"\1\2\3\1\2\4", [1, 2, 3], [[1, 2, 3, 0], [1, 2, 4, 255]]),
            (16, 2, bytes(range(12)), [1, 515, 1029], [[1, 515, 1029, 0], [1543, 2057, 2571, 65535]]),
        ],
    )
    def test_a_key_colour_becomes_alpha_at_every_depth(self, tmp_path, depth, kind, row, key, expected):
        transparent = (b"tRNS", struct.pack(f">{len(key)}H", *key))
        (tmp_path / "key.png").write_bytes(png_bytes(2, 1, depth, kind, [row], transparent))

        assert read_picture(tmp_path / "key.png").pixels.tolist() == [expected]

    @pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 9), (17, 12)])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_an_interlaced_16_bit_picture_is_read(self, tmp_path, size, channels):
        pixels = noise(*size, channels, "uint16")
        # First column, first row, steps: the passes of Adam7 as the standard's section 8.2 draws them.
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        parts = [pixels[y::down, x::across] for x, y, across, down in passes]
        rows = [row.astype(">u2").tobytes() for part in parts if part.size for row in part]
        data = bytearray(png_bytes(*size, 16, {1: 0, 3: 2}[channels], rows))
        data[28] = 1
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        (tmp_path / "interlaced.png").write_bytes(data)

        np.testing.assert_array_equal(read_picture(tmp_path / "interlaced.png").pixels, pixels)

    def test_chunks_that_define_the_colours_are_kept(self, tmp_path):
        chunks = [(b"cHRM", bytes(range(32))), (b"gAMA", struct.pack(">I", 45455))]
        (tmp_path / "in.png").write_bytes(png_bytes(1, 1, 8, 0, [b"\5"], *chunks))

        write_picture(tmp_path / "out.png", read_picture(tmp_path / "in.png"))

        written = (tmp_path / "out.png").read_bytes()
        assert all(png_chunk(*chunk) in written for chunk in chunks)

    def test_an_animation_is_refused(self, tmp_path):
        frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
        frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])

        with pytest.raises(InvalidInputError, match="animation"):
            read_picture(tmp_path / "moving.png")
