"""Which way up a picture is: what viewers show is what is read, and what is written shows the same."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from glcic_backend.image_files import read_picture, write_picture
from glcic_backend.image_files.tiff_directory import SHORT, Value, header, write_directory

from .image_samples import noise, png_bytes

TYPES = {"BYTE": (1, "B"), "SHORT": (3, "H"), "LONG": (4, "I"), "SBYTE": (6, "b"), "UNDEFINED": (7, "B")}
TYPES |= {"SSHORT": (8, "h"), "SLONG": (9, "i")}
SMOOTH = np.repeat(np.repeat(noise(4, 3, 3), 16, axis=0), 16, axis=1)
"""64 x 48: JPEG keeps it nearly as it is."""


def block(orientation=6, kind="SHORT", more=b"", order="<"):
    """An EXIF block with an orientation of some type, and one more entry (12 bytes) behind it."""
    number, form = TYPES[kind]
    value = struct.pack(order + "HHI", 0x0112, number, 1) + struct.pack(order + form, orientation).ljust(4, b"\0")
    entries = value + more
    return header(order) + struct.pack(order + "IH", 8, len(entries) // 12) + entries + bytes(4)


def shown(path):
    """Pixels as a viewer that turns by EXIF shows them."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)


def check(path, folder, expected, tolerance):
    """That a file is read as expected, and shows the same when it is written again."""
    picture = read_picture(path)
    out = folder / f"out{path.suffix}"
    write_picture(out, picture)
    assert picture.pixels.shape == expected.shape
    assert np.abs(picture.pixels.astype(int) - expected).max() <= tolerance
    assert np.abs(shown(out) - expected).max() <= tolerance + 6 * (path.suffix == ".jpg")


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_every_type_of_integer_turns_the_picture_and_is_reset(tmp_path, kind, order, extension):
    path = tmp_path / f"in{extension}"
    options = {"lossless": True} if extension == ".webp" else {"quality": 95, "subsampling": 0}
    Image.fromarray(SMOOTH).save(path, exif=b"Exif\0\0" + block(6, kind, order=order), **options)

    check(path, tmp_path, np.rot90(SMOOTH, -1), 12 if extension == ".jpg" else 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_a_tiff_by_a_long(tmp_path, orientation):
    Image.fromarray(SMOOTH).save(tmp_path / "a.tif", tiffinfo={274: orientation})
    data = bytearray((tmp_path / "a.tif").read_bytes())
    at = data.index(struct.pack("<HHI", 274, SHORT, 1))
    data[at : at + 12] = struct.pack("<HHII", 274, 4, 1, orientation)
    (tmp_path / "a.tif").write_bytes(data)
    Image.fromarray(SMOOTH).save(tmp_path / "plain.png", exif=b"Exif\0\0" + block(orientation))

    check(tmp_path / "a.tif", tmp_path, shown(tmp_path / "plain.png"), 0)


@pytest.mark.parametrize("pointer", [0x8769, 0x8825])
@pytest.mark.parametrize("place", [8, 5_000_000], ids=["to itself", "beyond the end"])
def test_a_damaged_pointer_beside_it_changes_nothing_even_on_a_square(tmp_path, pointer, place):
    square = SMOOTH[:, :48]
    more = struct.pack("<HHII", pointer, 4, 1, place)
    Image.fromarray(square).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + block(6, more=more), quality=95, subsampling=0)

    check(tmp_path / "a.jpg", tmp_path, np.rot90(square, -1), 12)
    write_picture(tmp_path / "a.tif", read_picture(tmp_path / "a.jpg"))  # where such a pointer has no place
    with Image.open(tmp_path / "a.tif") as written:
        assert pointer not in written.tag_v2


def test_exif_that_a_png_holds_as_text_turns_and_is_kept(tmp_path):
    digits = block(6).hex()
    text = f"\nexif\n{len(digits) // 2:8}\n{digits}\n".encode()
    data = png_bytes(64, 48, 8, 2, [row.tobytes() for row in SMOOTH])
    content = b"Raw profile type exif\0\0" + zlib.compress(text)
    chunk = struct.pack(">I4s", len(content), b"zTXt") + content + struct.pack(">I", zlib.crc32(b"zTXt" + content))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])

    check(tmp_path / "a.png", tmp_path, np.rot90(SMOOTH, -1), 0)
    with Image.open(tmp_path / "out.png") as written:
        assert written.getexif()[0x0112] == 1


def test_an_orientation_in_xmp_alone_is_left_as_it_is_like_the_pixels(tmp_path):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    Image.fromarray(SMOOTH).save(tmp_path / "a.jpg", xmp=xmp, quality=95, subsampling=0)

    picture = read_picture(tmp_path / "a.jpg")
    write_picture(tmp_path / "out.jpg", picture)

    assert picture.pixels.shape == SMOOTH.shape and picture.xmp == xmp
    with Image.open(tmp_path / "out.jpg") as written:
        assert written.info["xmp"] == xmp


def test_xmp_beside_exif_is_reset_with_it(tmp_path):
    xmp = b'<rdf:Description tiff:Orientation="6"/>'
    Image.fromarray(SMOOTH).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + block(6), xmp=xmp)

    assert read_picture(tmp_path / "a.jpg").xmp == xmp.replace(b'"6"', b'"1"')


def test_directories_that_point_to_each_other_end():
    nested = write_directory({0x8769: {0x0100: Value(SHORT, b"\1\0")}}, 8, "<")
    looped = bytearray(header("<") + struct.pack("<I", 8) + nested)
    at = looped.index(struct.pack("<HHI", 0x0100, SHORT, 1))
    looped[at : at + 12] = struct.pack("<HHII", 0x8825, 4, 1, 8)

    from glcic_backend.image_files.tiff_directory import read_directory

    directory, _ = read_directory(bytes(looped))
    assert isinstance(directory[0x8769], dict) and isinstance(directory[0x8769][0x8825], Value)
