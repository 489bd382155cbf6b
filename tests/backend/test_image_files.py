"""Photographs as files: every bit and the metadata survive."""

import io
import struct
import zlib
from fractions import Fraction

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from glcic_backend.errors import InvalidInputError, OutputError
from glcic_backend.image_files import Picture, Resolution, read_mask, read_picture, write_picture
from glcic_backend.image_files.exif import orientation

from .image_samples import exif_block, noise, profile_with_curve, srgb_profile

LOSSLESS = [(".png", "uint8"), (".png", "uint16"), (".webp", "uint8")]
LOSSLESS += [(extension, kind) for extension in (".tif", ".tiff") for kind in ("uint8", "uint16", "float32")]
EIGHT_BITS = [".png", ".jpg", ".webp", ".tif"]


def png_chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_bytes(width, height, depth, kind, rows, *chunks):
    """A PNG put together by hand: rows of packed samples without filters."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    extra = b"".join(png_chunk(*chunk) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + head + extra + body + png_chunk(b"IEND", b"")


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


class TestMetadata:
    @pytest.mark.parametrize("extension", EIGHT_BITS)
    def test_profile_exif_and_xmp_survive_in_every_format(self, tmp_path, extension):
        resolution = Resolution(Fraction(300), Fraction(300), "inch")
        picture = Picture(noise(40, 30, 3), srgb_profile(), exif_block(), b"<x:xmpmeta/>", resolution)

        write_picture(tmp_path / f"picture{extension}", picture)
        found = read_picture(tmp_path / f"picture{extension}")

        assert found.icc == picture.icc
        assert found.xmp == picture.xmp
        assert _tags(found.exif) == _tags(picture.exif)

    @pytest.mark.parametrize("extension", [".png", ".jpg", ".webp"])
    def test_exif_survives_byte_for_byte_where_it_is_a_block(self, tmp_path, extension):
        write_picture(tmp_path / f"picture{extension}", Picture(noise(8, 8, 3), exif=exif_block(">")))

        assert read_picture(tmp_path / f"picture{extension}").exif == exif_block(">")

    @pytest.mark.parametrize("extension", EIGHT_BITS)
    def test_another_program_finds_profile_exif_and_resolution(self, tmp_path, extension):
        resolution = Resolution(Fraction(300), Fraction(300), "inch")
        picture = Picture(noise(40, 30, 3), icc=srgb_profile(), exif=exif_block(), resolution=resolution)

        write_picture(tmp_path / f"picture{extension}", picture)

        with Image.open(tmp_path / f"picture{extension}") as image:
            assert image.info["icc_profile"] == picture.icc
            assert image.getexif()[0x010F] == "Camera maker"
            assert image.getexif().get_ifd(0x8825)[2] == (48, 8, 0)
            if extension != ".webp":  # WebP states it by EXIF alone
                assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)

    @pytest.mark.parametrize(
        ("extension", "resolution"),
        [
            (".png", Resolution(Fraction(2835), Fraction(3000), "metre")),
            (".png", Resolution(Fraction(3), Fraction(4), "none")),
            (".jpg", Resolution(Fraction(300), Fraction(150), "inch")),
            (".jpg", Resolution(Fraction(118), Fraction(118), "centimetre")),
            (".tif", Resolution(Fraction(3001, 10), Fraction(300), "inch")),
            (".tif", Resolution(Fraction(118), Fraction(119), "centimetre")),
        ],
    )
    def test_resolution_is_exact_in_the_units_of_the_format(self, tmp_path, extension, resolution):
        write_picture(tmp_path / f"picture{extension}", Picture(noise(8, 8, 3), resolution=resolution))

        assert read_picture(tmp_path / f"picture{extension}").resolution == resolution

    def test_the_thumbnail_is_taken_out_because_it_shows_what_was_removed(self, tmp_path):
        secret = b"\xff\xd8 what was removed \xff\xd9"
        Image.fromarray(noise(40, 30, 3)).save(tmp_path / "in.jpg", exif=b"Exif\0\0" + exif_block(thumbnail=secret))
        assert secret in (tmp_path / "in.jpg").read_bytes()

        write_picture(tmp_path / "out.jpg", read_picture(tmp_path / "in.jpg"))

        assert secret not in (tmp_path / "out.jpg").read_bytes()
        assert _tags(read_picture(tmp_path / "out.jpg").exif) == _tags(exif_block())

    def test_damaged_exif_does_not_hinder(self, tmp_path):
        Image.fromarray(noise(40, 30, 3)).save(tmp_path / "in.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")

        picture = read_picture(tmp_path / "in.jpg")

        for extension in EIGHT_BITS:
            write_picture(tmp_path / f"out{extension}", picture)

    def test_a_grey_profile_is_not_put_on_the_rgb_of_a_webp(self, tmp_path):
        grey = profile_with_curve(b"curv\0\0\0\0" + struct.pack(">I", 0), space=b"GRAY")

        write_picture(tmp_path / "grey.webp", Picture(noise(8, 8, 1), icc=grey))

        assert read_picture(tmp_path / "grey.webp").icc is None

    def test_a_jpeg_is_compressed_again_with_its_own_tables(self, tmp_path):
        Image.fromarray(noise(40, 30, 3)).save(tmp_path / "in.jpg", quality=83, subsampling=2, progressive=True)

        write_picture(tmp_path / "out.jpg", read_picture(tmp_path / "in.jpg"))

        with Image.open(tmp_path / "in.jpg") as before, Image.open(tmp_path / "out.jpg") as after:
            assert after.quantization == before.quantization
            assert [part[1:3] for part in after.layer] == [part[1:3] for part in before.layer]
            assert after.info.get("progressive") == 1

    @pytest.mark.parametrize(
        ("curve", "linear"),
        [
            (b"curv\0\0\0\0" + struct.pack(">I", 0), True),
            (b"curv\0\0\0\0" + struct.pack(">IH", 1, 256), True),
            (b"curv\0\0\0\0" + struct.pack(">IH", 1, 563), False),
            (b"curv\0\0\0\0" + struct.pack(">I3H", 3, 0, 32768, 65535), True),
            (b"curv\0\0\0\0" + struct.pack(">I3H", 3, 0, 12000, 65535), False),
            (b"para\0\0\0\0" + struct.pack(">Hxxi", 0, 65536), True),
            (b"para\0\0\0\0" + struct.pack(">Hxxi", 0, 144179), False),
        ],
    )
    def test_a_profile_tells_whether_values_are_linear_light(self, curve, linear):
        assert Picture(noise(2, 2, 3), icc=profile_with_curve(curve)).linear is linear

    def test_srgb_is_not_linear_light_and_a_gamma_of_one_is(self):
        assert not Picture(noise(2, 2, 3), icc=srgb_profile()).linear
        assert not Picture(noise(2, 2, 3)).linear
        assert Picture(noise(2, 2, 3), png_colour={b"gAMA": struct.pack(">I", 100_000)}).linear


def _tags(block):
    """What another reader finds in an EXIF block."""
    found = Image.Exif()
    found.load(block)
    groups = {tag: dict(found.get_ifd(tag)) for tag in (0x8769, 0x8825, 1)}
    plain = {tag: value for tag, value in found.items() if tag not in (0x8769, 0x8825)}
    return plain, groups


class TestOrientation:
    @pytest.mark.parametrize("stored", range(1, 9))
    @pytest.mark.parametrize("extension", EIGHT_BITS)
    def test_a_picture_is_turned_upright_and_says_so(self, tmp_path, extension, stored):
        image = Image.fromarray(noise(40, 30, 3))
        block = b"Exif\0\0" + exif_block(orientation=stored)
        image.save(tmp_path / f"in{extension}", exif=block, lossless=True)
        with Image.open(tmp_path / f"in{extension}") as other:
            expected = np.asarray(ImageOps.exif_transpose(other))

        picture = read_picture(tmp_path / f"in{extension}")
        write_picture(tmp_path / f"out{extension}", picture)

        np.testing.assert_array_equal(picture.pixels, expected)
        assert (picture.width, picture.height) == ((40, 30) if stored < 5 else (30, 40))
        assert orientation(read_picture(tmp_path / f"out{extension}").exif) == 1
        details = _tags(picture.exif)[1][0x8769]
        assert (details[0xA002], details[0xA003]) == (picture.width, picture.height)

    @pytest.mark.parametrize("stored", range(1, 9))
    def test_16_bits_are_turned_as_8_are(self, tmp_path, stored):
        pixels = noise(40, 30, 3)
        block = exif_block(orientation=stored)
        write_picture(tmp_path / "8.png", Picture(pixels, exif=block))
        for extension in (".png", ".tif"):
            write_picture(tmp_path / f"16{extension}", Picture(pixels.astype(np.uint16) * 257, exif=block))

            deep = read_picture(tmp_path / f"16{extension}").pixels

            np.testing.assert_array_equal(deep // 257, read_picture(tmp_path / "8.png").pixels)

    def test_resolution_is_turned_too(self, tmp_path):
        block = exif_block(orientation=6)
        resolution = Resolution(Fraction(300), Fraction(200), "inch")
        write_picture(tmp_path / "in.tif", Picture(noise(4, 4, 3), exif=block, resolution=resolution))

        assert read_picture(tmp_path / "in.tif").resolution == Resolution(Fraction(200), Fraction(300), "inch")

    def test_xmp_does_not_ask_for_a_second_turn(self, tmp_path):
        packet = b'<rdf:Description tiff:Orientation="6"/>'
        Image.fromarray(noise(8, 4, 3)).save(
            tmp_path / "in.jpg", exif=b"Exif\0\0" + exif_block(orientation=6), xmp=packet
        )

        assert read_picture(tmp_path / "in.jpg").xmp == b'<rdf:Description tiff:Orientation="1"/>'


class TestRefusals:
    @pytest.mark.parametrize("extension", EIGHT_BITS)
    @pytest.mark.parametrize("kept", [0.3, 0.7, 0.95])
    def test_a_file_that_is_cut_short_is_refused_in_one_sentence(self, tmp_path, extension, kept):
        write_picture(tmp_path / f"whole{extension}", Picture(noise(64, 64, 3)))
        data = (tmp_path / f"whole{extension}").read_bytes()
        path = tmp_path / f"cut{extension}"
        path.write_bytes(data[: int(len(data) * kept)])

        with pytest.raises(InvalidInputError, match="damaged or cut short") as caught:
            read_picture(path)

        assert str(path) in str(caught.value) and "\n" not in str(caught.value)

    @pytest.mark.parametrize("extension", [".png", ".tif"])
    @pytest.mark.parametrize("kept", [0.3, 0.7, 0.95])
    def test_a_16_bit_file_that_is_cut_short_is_refused(self, tmp_path, extension, kept):
        write_picture(tmp_path / f"whole{extension}", Picture(noise(64, 64, 3, "uint16")))
        data = (tmp_path / f"whole{extension}").read_bytes()
        (tmp_path / f"cut{extension}").write_bytes(data[: int(len(data) * kept)])

        with pytest.raises(InvalidInputError, match="damaged or cut short"):
            read_picture(tmp_path / f"cut{extension}")

    def test_a_16_bit_png_whose_stream_ends_early_within_sound_chunks_is_refused(self, tmp_path):
        (tmp_path / "short.png").write_bytes(png_bytes(2, 3, 16, 0, [b"\0\1\0\2"] * 2))

        with pytest.raises(InvalidInputError, match="10 bytes of pixels instead of 15"):
            read_picture(tmp_path / "short.png")

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_damage_anywhere_never_looks_like_a_defect_of_ours(self, tmp_path, data):
        extension, kind = data.draw(st.sampled_from([*LOSSLESS, (".jpg", "uint8")]))
        path = tmp_path / f"picture{extension}"
        write_picture(path, Picture(noise(20, 12, 3, kind), exif=exif_block(), icc=srgb_profile()))
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 8))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)

        try:
            picture = read_picture(path, max_pixels=10_000)
        except InvalidInputError as error:
            assert str(path) in str(error)
        else:
            assert picture.width * picture.height <= 10_000

    @pytest.mark.parametrize(("extension", "kind"), [*LOSSLESS, (".jpg", "uint8")])
    def test_more_pixels_than_allowed_are_refused_before_decoding(self, tmp_path, extension, kind):
        write_picture(tmp_path / f"large{extension}", Picture(noise(50, 41, 3, kind)))

        with pytest.raises(InvalidInputError, match=r"50 x 41 pixels, which is 2,050 and more than the limit of 2,049"):
            read_picture(tmp_path / f"large{extension}", max_pixels=2049)
        assert read_picture(tmp_path / f"large{extension}", max_pixels=2050).width == 50

    @pytest.mark.parametrize("depth", [8, 16])
    def test_a_decompression_bomb_is_refused_by_its_header(self, tmp_path, depth):
        (tmp_path / "bomb.png").write_bytes(png_bytes(60_000, 60_000, depth, 2, [b""]))

        with pytest.raises(InvalidInputError, match=r"3,600,000,000 .*--max-pixels"):
            read_picture(tmp_path / "bomb.png")

    def test_a_picture_larger_than_pillow_allows_by_itself_is_read(self, tmp_path):
        width, height = 20_000, 10_000  # 200 megapixels; Pillow stops at 179
        Image.new("1", (width, height)).save(tmp_path / "large.png")

        assert read_picture(tmp_path / "large.png").pixels.shape == (height, width, 1)

    def test_other_formats_are_refused_whatever_they_are_called(self, tmp_path):
        Image.new("RGB", (4, 4)).save(tmp_path / "picture.png", "BMP")

        with pytest.raises(InvalidInputError, match=r"not a PNG, JPEG, WebP or TIFF"):
            read_picture(tmp_path / "picture.png")

    def test_a_format_is_known_by_its_content(self, tmp_path):
        Image.fromarray(noise(4, 4, 3)).save(tmp_path / "picture.jpg", "PNG")

        np.testing.assert_array_equal(read_picture(tmp_path / "picture.jpg").pixels, noise(4, 4, 3))

    @pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"II*\0", b"RIFF\0\0\0\0WEBP", b"\xff\xd8\xff"])
    def test_a_file_of_little_more_than_a_signature_is_refused(self, tmp_path, content):
        (tmp_path / "stub.png").write_bytes(content)

        with pytest.raises(InvalidInputError, match=r"stub\.png: "):
            read_picture(tmp_path / "stub.png")

    def test_a_missing_file_and_a_folder_are_named(self, tmp_path):
        with pytest.raises(InvalidInputError, match="no such file"):
            read_picture(tmp_path / "nowhere.png")
        with pytest.raises(InvalidInputError, match="cannot be read"):
            read_picture(tmp_path)

    @pytest.mark.parametrize("extension", [".jpg", ".tif"])
    def test_cmyk_is_refused(self, tmp_path, extension):
        Image.new("CMYK", (4, 4)).save(tmp_path / f"print{extension}")

        with pytest.raises(InvalidInputError, match=r"CMYK.*Convert it to RGB"):
            read_picture(tmp_path / f"print{extension}")

    def test_pages_and_frames_are_refused_and_counted(self, tmp_path):
        frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "green", "blue")]
        for name in ("pages.tif", "frames.webp"):
            frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])

        with pytest.raises(InvalidInputError, match="3 pages"):
            read_picture(tmp_path / "pages.tif")
        with pytest.raises(InvalidInputError, match="animation of 3"):
            read_picture(tmp_path / "frames.webp")

    def test_a_preview_in_a_tiff_is_left_out_with_a_note(self, tmp_path):
        with tifffile.TiffWriter(tmp_path / "preview.tif") as file:
            file.write(noise(40, 30, 3), photometric="rgb", metadata=None)
            file.write(noise(4, 3, 3), photometric="rgb", metadata=None, subfiletype=1)

        picture = read_picture(tmp_path / "preview.tif")

        assert picture.width == 40
        assert "1 preview" in picture.notes[0]

    def test_a_jpeg_with_a_gain_map_is_read_with_a_note(self, tmp_path):
        images = [Image.fromarray(noise(40, 30, 3)), Image.fromarray(noise(20, 15, 3))]
        images[0].save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=images[1:])

        picture = read_picture(tmp_path / "phone.jpg")

        assert picture.width == 40
        assert "further pictures" in picture.notes[0]

    @pytest.mark.parametrize(
        ("pixels", "sentence"),
        [
            (np.zeros((4, 4, 6), np.uint8), "channel"),
            (np.zeros((4, 4), np.int16), "sample format 2"),
            (np.zeros((4, 4), np.uint32), "32 bits"),
            (np.zeros((4, 4), np.float64), "64 bits"),
        ],
    )
    def test_tiff_samples_that_cannot_be_kept_are_refused(self, tmp_path, pixels, sentence):
        colours = "rgb" if pixels.ndim == 3 else "minisblack"
        tifffile.imwrite(tmp_path / "odd.tif", pixels, photometric=colours, metadata=None, planarconfig="contig")

        with pytest.raises(InvalidInputError, match=sentence):
            read_picture(tmp_path / "odd.tif")

    @pytest.mark.parametrize(
        ("name", "channels", "kind", "sentence"),
        [
            ("a.jpg", 3, "uint16", r"16-bit, and JPEG holds 8 bits only. Choose .png or .tif"),
            ("a.webp", 3, "uint16", r"16-bit, and WebP holds 8 bits only"),
            ("a.jpeg", 4, "uint8", r"alpha channel, and JPEG holds none. Choose .png, .webp or .tif"),
            ("a.png", 3, "float32", r"floating point, and PNG holds integers only. Choose .tif"),
            ("a.gif", 3, "uint8", r"'.gif' is no format that can be written"),
            ("a", 3, "uint8", r"Choose one of .png"),
        ],
    )
    def test_what_a_format_cannot_hold_is_refused_and_not_dropped(self, tmp_path, name, channels, kind, sentence):
        with pytest.raises(InvalidInputError, match=sentence):
            write_picture(tmp_path / name, Picture(noise(4, 4, channels, kind)))
        assert not (tmp_path / name).exists()

    def test_sizes_beyond_a_format_are_refused(self, tmp_path):
        with pytest.raises(InvalidInputError, match="16383 pixels wide or high"):
            write_picture(tmp_path / "wide.webp", Picture(noise(16_384, 1, 3)))
        with pytest.raises(InvalidInputError, match="65500 pixels wide or high"):
            write_picture(tmp_path / "wide.jpg", Picture(noise(65_501, 1, 3)))

    def test_a_missing_folder_is_told_before_anything_is_encoded(self, tmp_path):
        with pytest.raises(OutputError, match="does not exist"):
            write_picture(tmp_path / "nowhere" / "a.png", Picture(noise(4, 4, 3)))


class TestMask:
    def read(self, tmp_path, pixels):
        write_picture(tmp_path / "mask.png", Picture(pixels))
        return read_mask(tmp_path / "mask.png")

    def test_white_fills_black_keeps_and_grey_is_coverage(self, tmp_path):
        grey = np.array([[[0], [1], [128], [255]]], np.uint8)

        assert self.read(tmp_path, grey).tolist() == [[0, 1, 128, 255]]
        assert self.read(tmp_path, np.repeat(grey, 3, axis=2)).tolist() == [[0, 1, 128, 255]]
        assert self.read(tmp_path, grey.astype(np.uint16) * 257).tolist() == [[0, 1, 128, 255]]

    def test_transparent_parts_are_kept(self, tmp_path):
        assert self.read(tmp_path, np.array([[[255, 0], [255, 255], [255, 51]]], np.uint8)).tolist() == [[0, 255, 51]]

    def test_one_bit_masks_are_black_and_white(self, tmp_path):
        Image.fromarray(np.array([[False, True]])).save(tmp_path / "mask.png")

        assert read_mask(tmp_path / "mask.png").tolist() == [[0, 255]]

    def test_a_photograph_in_the_place_of_a_mask_is_noticed(self, tmp_path):
        with pytest.raises(InvalidInputError, match="did image and mask change places"):
            self.read(tmp_path, np.array([[[200, 100, 90]]], np.uint8))

    def test_a_jpeg_mask_of_grey_is_accepted(self, tmp_path):
        squares = np.zeros((32, 32, 3), np.uint8)
        squares[8:20, 8:20] = 255
        Image.fromarray(squares).save(tmp_path / "mask.jpg", quality=80)

        mask = read_mask(tmp_path / "mask.jpg")

        assert mask[12, 12] > 250 and mask[28, 28] < 5

    def test_a_mask_is_turned_upright_as_its_picture_is(self, tmp_path):
        stream = io.BytesIO()
        Image.fromarray(noise(6, 4, 1)[..., 0]).save(stream, "PNG", exif=b"Exif\0\0" + exif_block(orientation=6))
        (tmp_path / "mask.png").write_bytes(stream.getvalue())

        assert read_mask(tmp_path / "mask.png").shape == (6, 4)
