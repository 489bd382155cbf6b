"""`glcic-backend complete --batch`: folders of photographs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from glcic_backend.cli import batch, complete
from glcic_backend.cli.memory import free_bytes
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
        assert first.startswith("Failed: a.png: ") and "no picture of a kind that is read" in first
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
            (("nowhere", "masks", "done"), "nowhere: there is no such file or folder"),
            (("images", "nowhere", "done"), "nowhere: there is no such mask or folder"),
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


class TestManyPictures:
    """Batches as people have them."""

    def run_batch(self, run, *arguments):
        return run("--batch", *arguments)

    @pytest.fixture
    def deep(self, folders):
        """A picture in a folder in the folder, with its mask in a folder of that name."""
        for part in ("images", "masks"):
            (folders / part / "day 2").mkdir()
            (folders / part / "day 2" / "d.png").write_bytes((folders / part / "a.png").read_bytes())
        return folders

    def test_one_mask_serves_for_all(self, folders, run):
        code, out, err = self.run_batch(run, folders / "images", folders / "masks" / "a.png", folders / "done")

        assert (code, err) == (0, "") and out.startswith("3 completed, 0 failed, in ")

    def test_masks_may_lie_beside_the_pictures_by_a_suffix(self, folders, run):
        for mask in (folders / "masks").iterdir():
            mask.rename(folders / "images" / f"{mask.stem}-mask{mask.suffix}")
        images = folders / "images"

        code, _, err = self.run_batch(run, images, images, folders / "done", "--mask-suffix", "-mask")

        assert (code, err) == (0, "")
        assert names(folders / "done") == ["a.png", "b.tif", "c.jpg"]

    def test_folders_in_folders_are_told_of_and_taken_if_wanted(self, deep, run):
        places = [deep / name for name in ("images", "masks", "done")]

        code, out, err = self.run_batch(run, *places)
        assert code == 0 and out.startswith("3 completed")
        assert err == f"Note: 1 folder(s) in {deep / 'images'} passed over; --recursive takes them, too.\n"

        code, out, _ = self.run_batch(run, *places, "--recursive")
        assert code == 0 and out.startswith("1 completed, 0 failed, 3 skipped")
        assert names(deep / "done" / "day 2") == ["d.png"]

    def test_patterns_and_single_files_are_taken(self, deep, run):
        pattern, single = deep / "images" / "**" / "*.png", deep / "images" / "b.tif"

        code, out, _ = self.run_batch(run, pattern, single, deep / "masks", deep / "done")

        assert code == 0 and out.startswith("3 completed")
        assert names(deep / "done") == ["a.png", "b.tif", "day 2"]

    def test_what_is_done_is_skipped_unless_it_shall_be_done_again(self, folders, run):
        places = [folders / name for name in ("images", "masks", "done")]
        (folders / "done").mkdir()
        (folders / "done" / "b.tif").write_bytes(b"done earlier")

        code, out, err = self.run_batch(run, *places)
        assert code == 0 and out.startswith("2 completed, 0 failed, 1 skipped")
        assert err == "Skipped: b.tif: it is done already; --overwrite does it again.\n"
        assert (folders / "done" / "b.tif").read_bytes() == b"done earlier"

        assert self.run_batch(run, *places, "--overwrite")[1].startswith("3 completed")
        assert (folders / "done" / "b.tif").read_bytes() != b"done earlier"

    def test_pictures_that_are_not_read_are_named_with_the_remedy(self, folders, run):
        (folders / "images" / "phone.psd").write_bytes(b"")

        code, out, err = self.run_batch(run, *[folders / name for name in ("images", "masks", "done")], "--json")

        assert code == 0
        assert "Skipped: phone.psd: it is a Photoshop document, which is not read; export it" in err
        assert json.loads(out.splitlines()[-1])["skipped"].startswith("it is a Photoshop document")

    @pytest.mark.parametrize(
        ("image", "mask"),
        [("Gr\u00fcn.png", "Gru\u0308n.png"), ("Gru\u0308n.png", "Gr\u00fcn.png"), ("IMG_1.PNG", "img_1.png")],
        ids=["NFC and NFD", "NFD and NFC", "capitals"],
    )
    def test_names_match_however_accents_are_stored_and_whatever_the_capitals(self, folders, run, image, mask):
        (folders / "images" / "a.png").rename(folders / "images" / image)
        (folders / "masks" / "a.png").rename(folders / "masks" / mask)

        code, _, err = self.run_batch(run, *[folders / name for name in ("images", "masks", "done")])

        assert (code, err) == (0, "") and (folders / "done" / image).exists()

    def test_the_very_same_name_goes_before_one_in_other_capitals(self, folders, run):
        other = np.zeros((30, 40, 1), np.uint8)
        other[20:25, 20:25] = 255
        write_picture(folders / "masks" / "A.png", Picture(other))

        self.run_batch(run, *[folders / name for name in ("images", "masks", "done")])

        changed = read_picture(folders / "done" / "a.png").pixels != read_picture(folders / "images" / "a.png").pixels
        assert changed[5:15, 5:15].any() and not changed[20:].any()

    def test_the_parts_of_a_batch_are_disjoint_and_together_all_of_it(self, folders, run):
        for number in range(20):
            (folders / "images" / f"{number}.png").write_bytes((folders / "images" / "a.png").read_bytes())
        places = folders / "images", folders / "masks" / "a.png"
        done = []
        for part in ("1/3", "2/3", "3/3"):
            assert self.run_batch(run, *places, folders / part[0], "--part", part)[0] == 0
            done += names(folders / part[0])

        assert sorted(done) == names(folders / "images")
        assert all(len(names(folders / part)) >= 3 for part in "123")

    def test_two_parts_side_by_side_fill_one_folder(self, folders):
        script = """
from glcic_backend import cli
from glcic_backend.cli import batch, complete
from glcic_backend.cli.memory import free_bytes
from tests.cli.conftest import GreyEngine
complete.LocalEngine = lambda model, device, threads: GreyEngine()
cli.main()
"""
        for number in range(20):
            (folders / "images" / f"{number}.png").write_bytes((folders / "images" / "a.png").read_bytes())
        places = [str(folders / name) for name in ("images", "masks/a.png", "done")]
        both = [
            subprocess.Popen(
                [sys.executable, "-c", script, "complete", "--batch", *places, "--part", f"{part}/2", "--jobs", "1"],
                cwd=Path(__file__).parents[2],
                stdout=subprocess.PIPE,
                text=True,
            )
            for part in (1, 2)
        ]
        told = [process.communicate(timeout=120)[0] for process in both]

        assert [process.returncode for process in both] == [0, 0]
        assert names(folders / "done") == names(folders / "images")
        assert sum(int(text.split()[0]) for text in told) == 23

    @pytest.mark.parametrize("part", ["0/2", "3/2", "1", "a/b", "1/0"])
    def test_a_part_that_is_none_is_wrong_use(self, folders, run, part):
        code, _, err = self.run_batch(run, *[folders / n for n in ("images", "masks", "done")], "--part", part)

        assert code == 2 and "is no share. Give K/N with K from 1 to N, such as 1/8." in err

    def test_options_of_batches_need_batch(self, folders, run):
        code, _, err = run(folders / "images" / "a.png", folders / "masks" / "a.png", folders / "x.png", "--recursive")

        assert code == 2 and "--recursive is for --batch." in err

    def test_each_picture_is_told_with_verbose_and_the_whole_now_and_then_without_a_terminal(
        self, folders, run, monkeypatch
    ):
        places = [folders / name for name in ("images", "masks")]
        _, _, err = self.run_batch(run, *places, folders / "done", "--verbose")
        assert [line.split(":")[0] for line in err.splitlines()] == ["1/3 a.png", "2/3 b.tif", "3/3 c.jpg"]

        monkeypatch.setattr(batch, "_SECONDS_BETWEEN_LINES", 0.0)
        _, _, err = self.run_batch(run, *places, folders / "again")
        first, _, last = err.splitlines()
        assert first.startswith("1 of 3, 0 failed, ") and last.endswith(" s each, about 0 s left")

    @pytest.mark.slow
    def test_several_at_once_give_the_same_pictures(self, folders):
        places = [str(folders / name) for name in ("images", "masks")]
        for jobs in ("1", "2"):
            command = [sys.executable, "-m", "glcic_backend", "complete", "--batch", *places, str(folders / jobs)]
            command += ["--jobs", jobs, "--threads", "1", "--device", "cpu"]
            ended = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
            assert ended.stdout.startswith("3 completed, 0 failed"), ended.stderr

        for name in names(folders / "1"):
            assert (folders / "1" / name).read_bytes() == (folders / "2" / name).read_bytes()

    def test_a_machine_serves_as_many_as_its_cores_and_its_memory_allow(self, monkeypatch):
        monkeypatch.setattr(batch.os, "cpu_count", lambda: 8)
        monkeypatch.setattr(batch.sys, "platform", "other")
        for gigabytes, threads, expected in ((100, None, 8), (100, 4, 2), (6, None, 3), (0, None, 1)):
            monkeypatch.setattr(batch, "free_bytes", lambda gigabytes=gigabytes: gigabytes << 30)
            assert batch.jobs_that_fit((None, "cpu", threads)) == expected
        assert free_bytes() > 0
