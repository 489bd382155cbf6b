"""`glcic-backend complete`: masks as people have them, borders to be added, and pipes."""

import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from glcic_backend.image_files import Picture, read_picture, write_picture

from ..backend.image_files.image_samples import exif_block, noise

HOLE = (slice(5, 15), slice(5, 15))


def save_mask(path, value=255, background=0):
    mask = np.full((30, 40), background, np.uint8)
    mask[HOLE] = value
    Image.fromarray(mask).save(path)
    return path


def filled(folder, name="out.png"):
    """bool [H, W]: where the result differs from the image."""
    return (read_picture(folder / name).pixels != read_picture(folder / "image.png").pixels).any(axis=2)


class TestMasks:
    def complete(self, run, folder, mask, *options):
        code, _, err = run(folder / "image.png", mask, folder / "out.png", *options)
        assert code == 0, err
        return err

    @pytest.mark.parametrize("value", [1, 3, 31])
    def test_a_mask_of_labels_fills_what_it_marks_and_that_is_told(self, photo, run, value):
        err = self.complete(run, photo, save_mask(photo / "labels.png", value))

        assert filled(photo)[HOLE].mean() > 0.9
        expected = "" if value == 1 else f"of 255 its largest value is {value}, so it is taken as yes or no"
        assert expected in err and bool(err) == bool(expected)

    def test_labels_in_the_colours_of_a_palette_are_refused_with_the_option_that_takes_them(self, photo, run):
        labels = np.zeros((30, 40), np.uint8)
        labels[HOLE], labels[8, 8] = 1, 2
        coloured = Image.fromarray(labels, "P")
        coloured.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        coloured.save(photo / "labels.png")

        code, _, err = run(photo / "image.png", photo / "labels.png", photo / "out.png")
        assert code == 2 and "differ by up to 128 of 255" in err and "say --threshold 1;" in err

        self.complete(run, photo, photo / "labels.png", "--threshold", "1")
        assert filled(photo)[HOLE].mean() > 0.9 and filled(photo).sum() <= 100

    def test_an_inverted_mask_fills_what_is_black(self, photo, run):
        self.complete(run, photo, save_mask(photo / "keep.png", 0, 255), "--invert-mask")

        assert filled(photo)[HOLE].mean() > 0.9 and not filled(photo)[15:].any()

    def test_a_threshold_makes_a_grey_mask_yes_or_no(self, photo, run):
        mask = np.zeros((30, 40), np.uint8)
        mask[HOLE], mask[20:, 20:] = 130, 120
        Image.fromarray(mask).save(photo / "grey.png")

        self.complete(run, photo, photo / "grey.png", "--threshold", 130)

        assert (read_picture(photo / "out.png").pixels[HOLE] == 127).all() and not filled(photo)[20:].any()

    def test_grow_and_soften_widen_the_mask(self, photo, run):
        self.complete(run, photo, save_mask(photo / "tight.png"), "--grow", 4, "--soften", 3)

        rows = np.nonzero(filled(photo).any(axis=1))[0]
        assert 15 + 4 <= rows.max() + 1 <= 15 + 4 + 3 + 1

    def test_the_mask_may_be_an_alpha_channel(self, photo, run):
        drawn = np.zeros((30, 40, 4), np.uint8)
        drawn[HOLE] = (200, 30, 30, 255)
        Image.fromarray(drawn).save(photo / "strokes.png")

        self.complete(run, photo, photo / "strokes.png", "--mask-from", "alpha")
        assert filled(photo)[HOLE].mean() > 0.9 and not filled(photo)[15:].any()

        code, _, err = run(photo / "image.png", photo / "mask.png", photo / "x.png", "--mask-from", "alpha")
        assert code == 2 and "the mask shall be its alpha channel, and it has none" in err

    def test_what_is_transparent_in_the_picture_may_be_filled_without_a_mask(self, photo, run):
        pixels = np.dstack([noise(40, 30, 3), np.full((30, 40), 255, np.uint8)])
        pixels[HOLE] = (255, 255, 255, 130)  # a soft edge that the eraser has whitened
        pixels[7:13, 7:13, 3] = 0
        Image.fromarray(pixels).save(photo / "erased.png")

        code, out, err = run(photo / "erased.png", photo / "out.png", "--mask-from", "transparent")

        result = read_picture(photo / "out.png").pixels
        assert (code, err) == (0, "") and "100 pixels in 1 hole(s)" in out
        assert (result[HOLE][..., :3] == 127).all() and np.array_equal(result[15:], pixels[15:])

        code, _, err = run(photo / "image.png", photo / "x.png", "--mask-from", "transparent")
        assert code == 2 and "has no alpha channel, so nothing in it is transparent. Give a mask." in err

    def test_a_mask_that_is_nearly_all_white_is_told_of(self, photo, run):
        err = self.complete(run, photo, save_mask(photo / "wrong.png", 0, 255))

        assert "92% of it is to be filled. If that is what shall stay, --invert-mask turns it round." in err

    def test_a_mask_that_jpeg_has_speckled_is_told_of(self, photo, run):
        with Image.open(photo / "mask.png") as mask:
            mask.save(photo / "mask.jpg", quality=40)

        err = self.complete(run, photo, photo / "mask.jpg")
        assert "masked pixels are nearly black, as JPEG leaves them round white" in err
        assert self.complete(run, photo, photo / "mask.jpg", "--threshold", 128) == ""
        assert not filled(photo)[:4].any()


class TestBorders:
    def test_a_border_is_added_and_filled(self, photo, run):
        code, out, _ = run(photo / "image.png", photo / "out.png", "--expand", "6,0,10,4")

        result = read_picture(photo / "out.png").pixels
        assert code == 0 and "920 pixels in 1 hole(s)" not in out
        assert result.shape == (34, 56, 3)
        np.testing.assert_array_equal(result[:30, 6:46], read_picture(photo / "image.png").pixels)
        assert (result[:, :6] == 127).all() and (result[30:] == 127).all()

    def test_a_mask_may_be_filled_with_it(self, photo, run):
        run(photo / "image.png", photo / "mask.png", photo / "out.png", "--expand", "0,2,0,0")

        result = read_picture(photo / "out.png").pixels
        assert (result[:2] == 127).all() and (result[7:17, 5:15] == 127).all()

    def test_the_size_in_exif_is_that_of_the_result(self, photo, run):
        write_picture(photo / "camera.jpg", Picture(noise(40, 30, 3), exif=exif_block()))

        run(photo / "camera.jpg", photo / "out.jpg", "--expand", "0,0,8,0")

        with Image.open(photo / "out.jpg") as written:
            assert written.getexif().get_ifd(0x8769)[0xA002] == 48

    @pytest.mark.parametrize("borders", ["0,0,0,0", "1,2,3", "1,2,3,4,5", "-1,0,0,0", "a,b,c,d"])
    def test_a_border_that_is_none_is_wrong_use(self, photo, run, borders):
        code, _, err = run(photo / "image.png", photo / "out.png", "--expand", borders)

        assert code == 2 and "is no border. Give four numbers of pixels: left,top,right,bottom" in err


class TestPipes:
    @pytest.fixture
    def pipes(self, monkeypatch):
        """Puts bytes into standard input, and gives what came out of standard output."""

        def connect(data):
            out = io.TextIOWrapper(io.BytesIO())
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
            monkeypatch.setattr(sys, "stdout", out)
            return out.buffer

        return connect

    @pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
    def test_the_picture_may_come_and_go_through_pipes(self, photo, run, pipes, kind):
        extension = ".tif" if kind == "float32" else ".png"
        write_picture(photo / f"in{extension}", Picture(noise(40, 30, 3, kind)))
        out = pipes((photo / f"in{extension}").read_bytes())

        code, _, err = run("-", photo / "mask.png", "-", "--json")

        assert code == 0 and json.loads(err)["output"] == "-"
        (photo / "piped").write_bytes(out.getvalue())
        before, after = (read_picture(photo / name).pixels for name in (f"in{extension}", "piped"))
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after[:5], before[:5])
        assert (after[HOLE] != before[HOLE]).any()

    def test_the_mask_may_come_through_a_pipe_but_not_both(self, photo, run, pipes):
        pipes((photo / "mask.png").read_bytes())
        assert run(photo / "image.png", "-", photo / "out.png")[0] == 0
        assert filled(photo)[HOLE].mean() > 0.9

        code, _, err = run("-", "-", photo / "out.png")
        assert code == 2 and "cannot both come from standard input" in err

    def test_what_is_wrong_with_piped_data_is_told_by_a_name(self, photo, run, pipes):
        pipes(b"nothing of use")

        code, _, err = run("-", photo / "mask.png", photo / "out.png")

        assert code == 2 and err.startswith("Error: standard input: it is no picture")


class TestTelling:
    def test_json_has_an_object_for_an_error_too(self, photo, run):
        code, out, err = run(photo / "none.png", photo / "mask.png", photo / "out.png", "--json")

        told = json.loads(out)
        assert code == 2 and told["image"] == str(photo / "none.png")
        assert err == f"Error: {told['error']}\n" and "no such file" in err

    def test_verbose_tells_sizes_and_the_time_of_each_stage(self, photo, run):
        _, _, err = run(photo / "image.png", photo / "mask.png", photo / "out.png", "-v")

        first, second = err.splitlines()
        assert first.endswith("image.png: 40 x 30, 3 channels of uint8; holes within 30 x 20 at 5, 5.")
        assert second.startswith("read 0.") and "total" in second

    @pytest.mark.parametrize("arguments", [("image.png",), ("image.png", "out.png"), ("a", "b", "c", "d")])
    def test_too_few_and_too_many_names_are_wrong_use(self, photo, run, arguments):
        code, _, err = run(*arguments)

        assert code == 2 and f"{len(arguments)} file(s) given; IMAGE MASK OUTPUT are needed." in err
