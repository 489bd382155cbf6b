"""What is read besides the four formats that are written, and what is told of what a file loses."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files import read_picture, write_picture

from .image_samples import noise

RGB = noise(40, 30, 3)


@pytest.mark.parametrize("name", ["a.bmp", "a.ppm", "a.gif", "a.pgm"])
def test_plain_formats_are_read_as_pillow_reads_them(tmp_path, name):
    picture = Image.fromarray(RGB).quantize(200) if name == "a.gif" else Image.fromarray(RGB)
    (picture.convert("L") if name == "a.pgm" else picture).save(tmp_path / name)

    with Image.open(tmp_path / name) as image:
        expected = np.asarray(image.convert("L" if name == "a.pgm" else "RGB"))
    np.testing.assert_array_equal(read_picture(tmp_path / name).pixels.squeeze(), expected)


def test_a_pgm_of_16_bits_keeps_them(tmp_path):
    deep = noise(8, 6, 1, "uint16")
    (tmp_path / "a.pgm").write_bytes(b"P5\n8 6\n65535\n" + deep.astype(">u2").tobytes())

    np.testing.assert_array_equal(read_picture(tmp_path / "a.pgm").pixels, deep)


def test_avif_is_read_upright(tmp_path):
    smooth = np.repeat(np.repeat(noise(4, 3, 3), 16, axis=0), 16, axis=1)
    Image.fromarray(smooth).save(tmp_path / "a.avif", quality=100, subsampling="4:4:4", exif=_exif(6))

    found = read_picture(tmp_path / "a.avif").pixels.astype(int)
    assert found.shape == (64, 48, 3) and np.abs(found - np.rot90(smooth, -1)).mean() < 3


def test_heic_is_read_upright(tmp_path):
    pytest.importorskip("pillow_heif").register_heif_opener()
    smooth = np.repeat(np.repeat(noise(4, 3, 3), 16, axis=0), 16, axis=1)
    Image.fromarray(smooth).save(tmp_path / "a.heic", quality=95, chroma=444, exif=_exif(6).tobytes())

    picture = read_picture(tmp_path / "a.heic")
    write_picture(tmp_path / "b.png", picture)

    assert picture.pixels.shape == (64, 48, 3) and picture.notes == ()
    assert np.abs(picture.pixels.astype(int) - np.rot90(smooth, -1)).mean() < 3
    with Image.open(tmp_path / "b.png") as written:
        assert written.getexif()[0x0112] == 1


def test_heic_with_alpha_keeps_it(tmp_path):
    pytest.importorskip("pillow_heif").register_heif_opener()
    alpha = np.full((48, 64, 1), 100, np.uint8)
    Image.fromarray(np.dstack([noise(64, 48, 3), alpha])).save(tmp_path / "a.heic", quality=95)

    assert (read_picture(tmp_path / "a.heic").pixels[..., 3:] == alpha).all()


def test_heic_of_more_than_8_bits_is_read_and_that_is_told(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    deep = np.repeat(np.repeat(noise(4, 3, 3, "uint16"), 16, axis=0), 16, axis=1)
    heif.from_bytes(mode="RGB;16", size=(64, 48), data=deep.tobytes()).save(tmp_path / "a.heic", quality=95)

    picture = read_picture(tmp_path / "a.heic")

    assert picture.pixels.dtype == np.uint8 and np.abs(picture.pixels - deep / 257).mean() < 3
    assert picture.notes == ("its 10 bits of each channel are read as 8",)


@pytest.mark.parametrize("length", [40, 300])
def test_a_heic_that_is_cut_short_is_refused(tmp_path, length):
    pytest.importorskip("pillow_heif").register_heif_opener()
    Image.fromarray(noise(64, 48, 3)).save(tmp_path / "a.heic", quality=95)
    (tmp_path / "a.heic").write_bytes((tmp_path / "a.heic").read_bytes()[:length])

    with pytest.raises(InvalidInputError, match="damaged or cut short"):
        read_picture(tmp_path / "a.heic")


def _exif(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def test_an_animation_is_refused(tmp_path):
    frames = [Image.fromarray(noise(8, 8, 3, seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])

    with pytest.raises(InvalidInputError, match="it holds 3 pictures, and all but one would be lost"):
        read_picture(tmp_path / "a.gif")


@pytest.mark.parametrize("compression", [None, "zlib", "zstd", "lzma", "lzw"])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_bigtiff_and_new_compressions_are_read(tmp_path, compression, kind):
    pixels = noise(40, 30, 3, kind)
    tifffile.imwrite(tmp_path / "a.tif", pixels, bigtiff=True, compression=compression, photometric="rgb")

    picture = read_picture(tmp_path / "a.tif")
    write_picture(tmp_path / "b.tif", picture)

    np.testing.assert_array_equal(picture.pixels, pixels)
    np.testing.assert_array_equal(read_picture(tmp_path / "b.tif").pixels, pixels)


def test_half_floats_become_floats_and_that_is_told(tmp_path):
    half = noise(8, 6, 3, "float32").astype(np.float16)
    tifffile.imwrite(tmp_path / "a.tif", half, photometric="rgb")

    picture = read_picture(tmp_path / "a.tif")

    np.testing.assert_array_equal(picture.pixels, half.astype(np.float32))
    assert "half floats" in picture.notes[0]


def test_what_a_program_noted_of_the_layout_of_its_file_is_not_carried_into_another(tmp_path):
    planar = noise(40, 30, 3, "uint16").transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "a.tif", planar, planarconfig="separate", photometric="rgb")
    assert b'{"shape"' in (tmp_path / "a.tif").read_bytes()

    write_picture(tmp_path / "b.tif", read_picture(tmp_path / "a.tif"))

    assert b'{"shape"' not in (tmp_path / "b.tif").read_bytes()
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), planar.transpose(1, 2, 0))


class TestJpeg:
    def encoded(self, **options):
        buffer = io.BytesIO()
        Image.fromarray(RGB).save(buffer, "JPEG", **options)
        return buffer.getvalue()

    @pytest.mark.parametrize("progressive", [False, True])
    def test_one_without_end_mark_is_read_in_full_and_that_is_told(self, tmp_path, progressive):
        data = self.encoded(progressive=progressive)
        (tmp_path / "a.jpg").write_bytes(data[:-2])

        picture = read_picture(tmp_path / "a.jpg")

        np.testing.assert_array_equal(picture.pixels, np.asarray(Image.open(io.BytesIO(data))))
        assert picture.notes == ("the JPEG has no end mark, but all of its pixels",)

    @pytest.mark.parametrize("missing", [10, 100, 700])
    def test_one_that_is_cut_short_is_still_refused(self, tmp_path, missing):
        (tmp_path / "a.jpg").write_bytes(self.encoded()[:-missing])

        with pytest.raises(InvalidInputError, match="damaged or cut short"):
            read_picture(tmp_path / "a.jpg")

    def test_a_comment_is_left_out_with_a_note(self, tmp_path):
        (tmp_path / "a.jpg").write_bytes(self.encoded(comment=b"a holiday"))

        assert read_picture(tmp_path / "a.jpg").notes == ("the JPEG's comment is left out",)


def cmyk_profile():
    """A profile in which black ink is black, the paper white, and each other ink darker by a quarter, without hue."""
    inks = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    lightness = [0 if k else 255 - 64 * (c + m + y) for c, m, y, k in inks]
    table = struct.pack(">4s4xBBBx", b"mft1", 4, 3, 2)
    table += struct.pack(">9i", *[65536 if n % 4 == 0 else 0 for n in range(9)])
    table += bytes(range(256)) * 4 + b"".join(bytes((light, 128, 128)) for light in lightness) + bytes(range(256)) * 3
    tags = struct.pack(">I4sII", 1, b"A2B0", 144, len(table))
    head = struct.pack(">I4sI4s4s4s12x4s", 144 + len(table), b"lcms", 0x02400000, b"prtr", b"CMYK", b"Lab ", b"acsp")
    return head.ljust(68, b"\0") + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D).ljust(60, b"\0") + tags + table


def test_a_cmyk_jpeg_with_a_profile_looks_as_that_says_and_it_is_told(tmp_path):
    inks = np.zeros((16, 32, 4), np.uint8)
    inks[:, 16:, 3] = 255
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.jpg", quality=95, icc_profile=cmyk_profile())

    picture = read_picture(tmp_path / "a.jpg")

    assert picture.pixels.shape == (16, 32, 3)
    assert picture.pixels[:, :8].min() > 245 and picture.pixels[:, 24:].max() < 10
    assert picture.notes == ("its CMYK colours are converted to sRGB by its profile",)
    assert ImageCms.ImageCmsProfile(io.BytesIO(picture.icc)).profile.xcolor_space.strip() == "RGB"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("planar", [False, True])
def test_a_cmyk_tiff_with_a_profile_looks_as_that_says_in_its_depth_and_it_is_told(tmp_path, dtype, planar):
    inks = noise(30, 20, 4, dtype)
    stored = inks.transpose(2, 0, 1) if planar else inks
    layout = {"photometric": "separated", "planarconfig": "separate" if planar else "contig"}
    tifffile.imwrite(tmp_path / "a.tif", stored, iccprofile=cmyk_profile(), **layout)

    picture = read_picture(tmp_path / "a.tif")
    write_picture(tmp_path / "b.tif", picture)

    of_8_bits = (inks / (np.iinfo(dtype).max / 255)).round().astype(np.uint8)
    profiles = [ImageCms.ImageCmsProfile(io.BytesIO(icc)) for icc in (cmyk_profile(), picture.icc)]
    shown = ImageCms.profileToProfile(Image.fromarray(of_8_bits, "CMYK"), *profiles, outputMode="RGB")
    assert picture.pixels.dtype == dtype and picture.notes == ("its CMYK colours are converted to sRGB by its profile",)
    np.testing.assert_allclose(picture.pixels / (np.iinfo(dtype).max / 255), np.asarray(shown), atol=1.5)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), picture.pixels)


def test_the_alpha_of_a_cmyk_tiff_is_kept(tmp_path):
    inks = noise(30, 20, 5)
    layout = {"photometric": "separated", "extrasamples": ["unassalpha"], "iccprofile": cmyk_profile()}
    tifffile.imwrite(tmp_path / "a.tif", inks, **layout)

    pixels = read_picture(tmp_path / "a.tif").pixels

    assert pixels.shape == (20, 30, 4)
    np.testing.assert_array_equal(pixels[..., 3], inks[..., 4])


@pytest.mark.parametrize("profile", [b"", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()])
@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_without_a_profile_of_its_kind_is_refused(tmp_path, name, profile):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / name, icc_profile=profile)

    with pytest.raises(InvalidInputError, match=r"its colours are CMYK without a profile .* Convert it to RGB first"):
        read_picture(tmp_path / name)


def test_inks_of_other_names_are_refused(tmp_path):
    tags = [(332, "H", 1, 2, True)]
    tifffile.imwrite(tmp_path / "a.tif", noise(8, 8, 4), photometric="separated", extratags=tags, metadata=None)

    with pytest.raises(InvalidInputError, match="colours are of a kind that is not read"):
        read_picture(tmp_path / "a.tif")


def test_texts_of_a_png_are_left_out_with_a_note(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_text("Title", "a holiday")
    texts.add_itxt("Author", "me")
    texts.add_text("Software", "a program")
    Image.fromarray(RGB).save(tmp_path / "a.png", pnginfo=texts)

    assert read_picture(tmp_path / "a.png").notes == ("the PNG's texts are left out: Author, Title",)


def test_the_codecs_that_these_formats_need_are_there():
    assert all(getattr(imagecodecs, name).available for name in ("ZSTD", "LZMA", "LZW", "DEFLATE"))
    assert ImageCms.core is not None
