"""`glcic-backend complete --batch`: folders of photographs."""

import json
import os

import numpy as np
import pytest

from glcic_backend.cli import complete
from glcic_backend.errors import DaemonError
from glcic_backend.image_files import Picture, read_picture, write_picture

from ..backend.image_files.image_samples import noise
from .conftest import GreyEngine, names


@pytest.fixture
def folders(tmp_path):
    """Three images and masks (one mask of another format), as two folders."""
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    mask = np.zeros((30, 40, 1), np.uint8)
    mask[5:15, 5:15] = 255
    for index, (image, extension) in enumerate((("a.png", ".png"), ("b.tif", ".tif"), ("c.jpg", ".webp"))):
        write_picture(tmp_path / "images" / image, Picture(noise(40, 30, 3, seed=index)))
        write_picture((tmp_path / "masks" / image).with_suffix(extension), Picture(mask))
    return tmp_path


class TestBatch:
    def run_batch(self, run, folder, *options):
        return run("--batch", folder / "images", folder / "masks", folder / "done", *options)

    def test_every_image_is_completed_with_the_mask_of_its_name(self, folders, run):
        code, out, err = self.run_batch(run, folders)

        assert (code, err) == (0, "")
        assert out.startswith("3 completed, 0 failed, in ")
        assert names(folders / "done") == ["a.png", "b.tif", "c.jpg"]
        before = read_picture(folders / "images" / "b.tif").pixels
        after = read_picture(folders / "done" / "b.tif").pixels
        changed = (before != after).any(axis=2)
        assert changed[5:15, 5:15].any() and not changed[15:].any()

    def test_bad_files_are_told_in_a_line_each_and_the_rest_is_done(self, folders, run):
        (folders / "images" / "a.png").write_bytes(b"not a picture")
        (folders / "masks" / "b.tif").unlink()
        (folders / "masks" / "stray.png").write_bytes((folders / "masks" / "a.png").read_bytes())
        (folders / "images" / "notes.txt").write_text("no picture, and none of our business")

        code, out, err = self.run_batch(run, folders)

        assert code == 1
        assert out.startswith("1 completed, 2 failed")
        assert names(folders / "done") == ["c.jpg"]
        first, second, third = err.splitlines()
        assert first.startswith("Failed: a.png: ") and "not a PNG" in first
        assert second.startswith("Failed: b.tif: no mask in ")
        assert third == f"Note: no image belongs to the mask {folders / 'masks' / 'stray.png'}."

    def test_two_masks_for_one_image_are_refused(self, folders, run):
        (folders / "masks" / "a.tif").write_bytes((folders / "masks" / "b.tif").read_bytes())

        code, _, err = self.run_batch(run, folders)

        assert code == 1
        assert err == "Failed: a.png: 2 masks belong to it: a.png and a.tif. Leave one.\n"

    def test_json_gives_a_line_for_every_image(self, folders, run):
        (folders / "images" / "b.tif").write_bytes(b"")

        code, out, _ = self.run_batch(run, folders, "--json")

        lines = [json.loads(line) for line in out.splitlines()]
        assert code == 1
        assert [os.path.basename(line["image"]) for line in lines] == ["a.png", "b.tif", "c.jpg"]
        assert ["error" in line for line in lines] == [False, True, False]

    def test_a_defect_of_the_engine_in_one_image_does_not_end_the_batch(self, folders, run, monkeypatch):
        class Failing(GreyEngine):
            def complete(self, pixels, mask, *options, **more):
                if (pixels == noise(40, 30, 3, seed=1)).all():
                    raise ZeroDivisionError("oh")
                return super().complete(pixels, mask, *options, **more)

        monkeypatch.setattr(complete, "LocalEngine", lambda model, device, threads: Failing())

        code, _, err = self.run_batch(run, folders)

        assert code == 1
        assert err == "Failed: b.tif: unexpected ZeroDivisionError: oh\n"
        assert names(folders / "done") == ["a.png", "c.jpg"]

    def test_an_engine_that_cannot_be_had_is_one_error(self, folders, run, monkeypatch):
        def missing(model):
            raise DaemonError("No daemon is running.")

        monkeypatch.setattr(complete, "DaemonEngine", missing)

        assert self.run_batch(run, folders, "--daemon") == (2, "", "Error: No daemon is running.\n")

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("nowhere", "masks", "done"), "is not a folder"),
            (("images", "masks", "images"), "would replace the files"),
            (("images", "masks", "masks"), "would replace the files"),
            (("images", "masks", "no/such"), "does not exist"),
            (("empty", "masks", "done"), "holds no picture"),
        ],
    )
    def test_folders_that_cannot_be_meant_are_wrong_use(self, folders, run, arguments, sentence):
        (folders / "empty").mkdir()
        before = {path: path.stat().st_mtime_ns for path in folders.glob("*/*")}

        code, _, err = run("--batch", *[folders / name for name in arguments])

        assert code == 2
        assert sentence in err
        assert {path: path.stat().st_mtime_ns for path in folders.glob("*/*")} == before
