"""What a photograph carries beside its pixels: profile, EXIF, resolution, orientation."""

import struct
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image, ImageOps

from glcic_backend.image_files import Picture, Resolution, read_picture, write_picture
from glcic_backend.image_files.exif import orientation

from .image_samples import exif_block, noise, profile_with_curve, srgb_profile

EIGHT_BITS = [".png", ".jpg", ".webp", ".tif"]


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
