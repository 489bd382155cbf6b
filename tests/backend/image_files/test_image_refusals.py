"""Files that are refused, each in one sentence, and what is accepted as a mask."""

import io
import os
import struct
import sys
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from glcic_backend.errors import InvalidInputError, OutputError
from glcic_backend.image_files import Picture, read_mask, read_picture, tiff, write_picture
from glcic_backend.image_files.tiff_directory import read_directory

from .image_samples import exif_block, noise, png_bytes, png_chunk, srgb_profile

LOSSLESS = [(".png", "uint8"), (".png", "uint16"), (".webp", "uint8")]
LOSSLESS += [(extension, kind) for extension in (".tif", ".tiff") for kind in ("uint8", "uint16", "float32")]
EIGHT_BITS = [".png", ".jpg", ".webp", ".tif"]


def tag_bomb(count):
    """A TIFF of one directory whose tags all have the same megabyte as their value."""
    end = 8 + 2 + 12 * count + 4
    entries = [struct.pack("<HHII", 1000 + each, 7, 1_000_000, end) for each in range(count)]
    return b"II*\0" + struct.pack("<IH", 8, count) + b"".join(entries) + bytes(4) + bytes(1_000_000)


def deflated_tiff(strip):
    """A grey TIFF of 8 x 8 pixels whose only strip is given, compressed by Deflate."""
    tags = {256: 8, 257: 8, 258: 8, 259: 8, 262: 1, 273: 8, 277: 1, 278: 8, 279: len(strip)}
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()]
    head = b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip
    return head + struct.pack("<H", len(tags)) + b"".join(entries) + bytes(4)


def deflated_zeros(megabytes=500):
    deflate = zlib.compressobj(1)
    return b"".join([deflate.compress(bytes(1 << 20)) for _ in range(megabytes)] + [deflate.flush()])


def png_of_8_by_8(depth, stream):
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, depth, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + png_chunk(b"IDAT", stream) + png_chunk(b"IEND", b"")


def looping_tiff():
    """A sound TIFF whose directory links to itself."""
    data = bytearray(deflated_tiff(zlib.compress(bytes(64))))
    (directory,) = struct.unpack_from("<I", data, 4)
    data[-4:] = struct.pack("<I", directory)
    return bytes(data)


BOMBS = {
    "tags.tif": lambda: tag_bomb(3000),
    "more-tags.tif": lambda: tag_bomb(60_000),
    "loop.tif": looping_tiff,
    "strip.tif": lambda: deflated_tiff(deflated_zeros()),
    "pixels-8.png": lambda: png_of_8_by_8(8, deflated_zeros()),
    "pixels-16.png": lambda: png_of_8_by_8(16, deflated_zeros()),
}
"""Files of 3 MB at most that would become half a gigabyte and more."""


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

        with pytest.raises(InvalidInputError, match=r"damaged or cut short \(Not enough image data\)"):
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

        with pytest.raises(InvalidInputError, match=r"3,600,000,000 .*`max_pixels=`"):
            read_picture(tmp_path / "bomb.png")

    @pytest.mark.parametrize("name", BOMBS)
    def test_a_small_file_that_would_become_large_costs_little(self, tmp_path, name):
        (tmp_path / name).write_bytes(BOMBS[name]())

        tracemalloc.start()
        began = time.process_time()
        with pytest.raises(InvalidInputError, match="damaged or cut short"):
            read_picture(tmp_path / name)
        seconds = time.process_time() - began
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert seconds < 1
        assert peak < 300e6

    @pytest.mark.parametrize("keyword", [b"Comment", b"XML:com.adobe.xmp", b"Raw profile type exif"])
    def test_texts_of_a_png_that_would_become_large_cost_little(self, tmp_path, keyword):
        text = keyword + b"\0\1\0\0\0" + zlib.compress(bytes(60 << 20), 9)
        (tmp_path / "a.png").write_bytes(png_bytes(8, 8, 8, 2, [bytes(24)] * 8, *[(b"iTXt", text)] * 10))

        tracemalloc.start()
        began = time.process_time()
        picture = read_picture(tmp_path / "a.png")
        seconds = time.process_time() - began
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert picture.pixels.shape == (8, 8, 3) and picture.xmp is None and picture.exif is None
        assert seconds < 1
        assert peak < 300e6

    @pytest.mark.parametrize("extension", [".png", ".webp"])
    def test_an_exif_bomb_is_left_as_it_is_and_costs_little(self, tmp_path, extension):
        bomb = tag_bomb(3000)
        Image.fromarray(noise(8, 8, 3)).save(tmp_path / f"a{extension}", exif=b"Exif\0\0" + bomb)

        tracemalloc.start()
        picture = read_picture(tmp_path / f"a{extension}")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert picture.exif == bomb
        assert peak < 300e6

    def test_a_picture_larger_than_pillow_allows_by_itself_is_read(self, tmp_path):
        width, height = 20_000, 10_000  # 200 megapixels; Pillow stops at 179
        Image.new("1", (width, height)).save(tmp_path / "large.png")

        assert read_picture(tmp_path / "large.png").pixels.shape == (height, width, 1)

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "the file is empty"),
            (b"8BPS\0\1", "it is a Photoshop document, which is not read. Convert it to PNG"),
            (b"gimp xcf v011", "it is a GIMP document"),
            (b"\0\0\0\x0cJXL \r\n", "it is a JPEG XL picture"),
            (b"%PDF-1.7", "it is a PDF document"),
            (b"MZ\x90\0", "it is no picture of a kind that is read. Convert it to PNG"),
        ],
    )
    def test_other_files_are_refused_by_what_they_are_whatever_they_are_called(self, tmp_path, content, sentence):
        (tmp_path / "picture.png").write_bytes(content)

        with pytest.raises(InvalidInputError) as refusal:
            read_picture(tmp_path / "picture.png")

        assert str(refusal.value).startswith(f"{tmp_path / 'picture.png'}: {sentence}")

    def test_heic_is_named_with_what_reads_it(self, tmp_path, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        (tmp_path / "phone.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")

        with pytest.raises(InvalidInputError, match=r"it is a HEIC picture, .* pip install pillow-heif"):
            read_picture(tmp_path / "phone.jpg")

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

    @pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
    def test_ycbcr_of_a_tiff_without_jpeg_is_refused_and_not_taken_for_rgb(self, tmp_path, compression):
        Image.new("YCbCr", (4, 4)).save(tmp_path / "video.tif", compression=compression)

        with pytest.raises(InvalidInputError, match=r"of a kind that is not read. Convert it to grey or RGB"):
            read_picture(tmp_path / "video.tif")

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


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of Unix")
def test_a_pipe_or_a_device_in_place_of_a_picture_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")

    for path in (tmp_path / "pipe.png", Path("/dev/zero"), tmp_path):
        with pytest.raises(InvalidInputError, match=r"cannot be read: (it is not a regular file|Is a directory)"):
            read_picture(path)


def test_pages_that_all_point_to_the_same_bytes_are_refused_by_their_sum(tmp_path):
    payload, pages = bytes(2_000_000), 400
    start = 8 + len(payload)
    data = struct.pack("<4sI", b"II*\0", start) + payload
    for page in range(pages):
        following = start + (page + 1) * 18 if page + 1 < pages else 0
        data += struct.pack("<HHHIII", 1, 40_000, 7, len(payload), 8, following)
    (tmp_path / "pages.tif").write_bytes(data)
    first = read_directory(data)[0]

    assert len(first[40_000].raw) == len(payload)  # each page by itself is sound
    with pytest.raises(ValueError, match="pages of more than"):
        list(tiff._pages(data))
