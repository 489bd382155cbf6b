"""`glcic-backend complete`: photographs from file to file."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from glcic_backend.cli import complete
from glcic_backend.image_files import Picture, read_picture, write_picture
from glcic_backend.image_files.picture_job import PictureJob, complete_picture

from ..backend.image_files.image_samples import exif_block, noise, srgb_profile
from .conftest import GreyEngine, names, run_python

LOSSLESS = [(".png", "uint8"), (".png", "uint16"), (".webp", "uint8"), (".tif", "uint8"), (".tif", "uint16")]
LOSSLESS += [(".tif", "float32")]


class TestOnePhotograph:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(form=st.sampled_from(LOSSLESS), channels=st.integers(1, 4), seed=st.integers(0, 999))
    def test_outside_the_mask_every_sample_of_a_lossless_output_is_the_images(self, tmp_path, form, channels, seed):
        extension, kind = form
        source, result = tmp_path / f"in{extension}", tmp_path / f"out{extension}"
        write_picture(source, Picture(noise(33, 21, channels, kind, seed)))
        coverage = np.random.default_rng(seed).choice([0, 0, 0, 90, 255], (21, 33, 1)).astype(np.uint8)
        coverage[0, 0], coverage[0, 1] = 0, 255
        write_picture(tmp_path / "mask.png", Picture(coverage))

        complete_picture(PictureJob(source, tmp_path / "mask.png", result), GreyEngine, lambda stage, share: None)

        before, after = read_picture(source).pixels, read_picture(result).pixels
        if after.shape[2] < before.shape[2]:  # a WebP with no transparent pixel comes back without alpha
            assert extension == ".webp"
            before = before[..., :3]
        hole = coverage[..., 0] > 0
        np.testing.assert_array_equal(after[~hole], before[~hole])
        assert (after[hole] != before[hole]).any()

    def test_the_report_says_what_was_done_and_how_long_each_stage_took(self, photo, run):
        code, out, _ = run(photo / "image.png", photo / "mask.png", photo / "out.png", "--json")

        report = json.loads(out)
        assert code == 0
        assert (report["width"], report["height"], report["channels"], report["type"]) == (40, 30, 3, "uint8")
        assert report["hole"] == {"pixels": 125, "parts": 2, "box": [5, 5, 30, 20]}
        assert (report["model"], report["device"]) == ("grey", "nowhere")
        stages = report["milliseconds"]
        assert list(stages) == ["read", "load", "plan", "network", "blend", "write", "total"]
        assert sum(stages.values()) - stages["total"] == pytest.approx(stages["total"], abs=2)

    def test_without_json_one_line_says_it(self, photo, run):
        code, out, err = run(photo / "image.png", photo / "mask.png", photo / "out.png")

        assert code == 0 and err == ""
        assert out.startswith(f"{photo / 'out.png'}: 125 pixels in 2 hole(s) filled in ")

    def test_metadata_is_carried_over_and_the_picture_is_upright(self, photo, run):
        source = Picture(noise(40, 30, 3), icc=srgb_profile(), exif=exif_block(orientation=6))
        write_picture(photo / "turned.jpg", source)
        mask = np.zeros((40, 30, 1), np.uint8)
        mask[10:20, 10:20] = 255
        write_picture(photo / "upright.png", Picture(mask))

        code, _, err = run(photo / "turned.jpg", photo / "upright.png", photo / "out.jpg")

        found = read_picture(photo / "out.jpg")
        assert (code, err) == (0, "")
        assert (found.width, found.height) == (30, 40)
        assert found.icc == source.icc
        assert found.exif == read_picture(photo / "turned.jpg").exif

    def test_a_jpeg_saved_again_stays_close_outside_the_mask(self, photo, run):
        smooth = np.linspace(0, 255, 40 * 30 * 3).reshape(30, 40, 3).astype(np.uint8)
        write_picture(photo / "image.jpg", Picture(smooth))

        run(photo / "image.jpg", photo / "mask.png", photo / "out.jpg")

        before, after = read_picture(photo / "image.jpg").pixels, read_picture(photo / "out.jpg").pixels
        difference = np.abs(after.astype(int) - before)
        # The last columns share no 8 x 8 block with a hole.
        assert difference[:, 16:24].max() <= 3

    def test_the_options_reach_the_engine(self, photo, run, monkeypatch):
        received = {}

        class Recording(GreyEngine):
            def complete(self, pixels, mask, sources, options, **more):
                received.update(vars(options), sources=sources, **more)
                return super().complete(pixels, mask, sources, options, **more)

        def load(model, device, threads):
            received.update(model=model, device=device, threads=threads)
            return Recording()

        monkeypatch.setattr(complete, "LocalEngine", load)
        linear = Picture(noise(40, 30, 3), png_colour={b"gAMA": (100_000).to_bytes(4, "big")})
        write_picture(photo / "linear.png", linear)
        options = ["--model", "some.safetensors", "--device", "cpu", "--threads", 3, "--no-blend"]
        options += ["--quality", "fast", "--context", "more", "--seed", 4294967295]
        options += ["--sample-from", "sides", "--distance", 70, "--line", "-3,5,39.5,20", "--line", "0,9,9,9,20,0"]

        code, _, _ = run(photo / "linear.png", photo / "mask.png", photo / "out.png", *options)

        del received["progress"]
        expected = {"model": "some.safetensors", "device": "cpu", "threads": 3, "blend": False, "linear": True}
        expected |= {"quality": "fast", "context": "more", "seed": 4294967295}
        expected |= {"sample_from": "sides", "distance": 70, "sources": None}
        expected |= {"lines": ((-3.0, 5.0, 39.5, 20.0), (0.0, 9.0, 9.0, 9.0, 20.0, 0.0))}
        assert (code, received) == (0, expected)

    def test_masks_of_where_to_copy_from_become_one_and_a_distance_that_reaches_all_of_it(
        self, photo, run, monkeypatch
    ):
        received = {}

        class Recording(GreyEngine):
            def complete(self, pixels, mask, sources, options, **more):
                received.update(sources=sources, distance=options.distance)
                return super().complete(pixels, mask, sources, options, **more)

        monkeypatch.setattr(complete, "LocalEngine", lambda model, device, threads: Recording())
        only, never = np.zeros((2, 30, 40, 1), np.uint8)
        only[2:28, 36:39] = 200
        never[:10] = 1
        write_picture(photo / "only.png", Picture(only))
        write_picture(photo / "never.png", Picture(never))
        paths = [photo / name for name in ("image.png", "mask.png", "out.png")]

        code, _, _ = run(*paths, "--source-mask", photo / "only.png", "--exclude-mask", photo / "never.png")

        expected = np.zeros((30, 40), bool)
        expected[10:28, 36:39] = True
        assert code == 0
        assert np.array_equal(received["sources"] > 0, expected)
        assert received["distance"] == 4  # from the hole's box, which ends at 35, to 39

        run(*paths, "--exclude-mask", photo / "never.png")
        assert np.array_equal(received["sources"] > 0, np.mgrid[:30, :40][0] >= 10)
        assert received["distance"] == 0

        run(*paths, "--source-mask", photo / "only.png", "--distance", 9)
        assert received["distance"] == 9

    def test_a_mask_of_where_to_copy_from_that_cannot_be_used_is_refused(self, photo, run):
        write_picture(photo / "small.png", Picture(np.full((3, 4, 1), 255, np.uint8)))
        write_picture(photo / "black.png", Picture(np.zeros((30, 40, 1), np.uint8)))
        paths = [photo / name for name in ("image.png", "mask.png", "out.png")]

        code, _, err = run(*paths, "--exclude-mask", photo / "small.png")
        assert code != 0 and "has 4 x 3 pixels, but the image" in err
        code, _, err = run(*paths, "--source-mask", photo / "black.png")
        assert code != 0 and "marks nothing to copy from" in err
        code, _, err = run("--batch", *paths, "--source-mask", photo / "black.png")
        assert code != 0 and "leave out --batch" in err
        assert not (photo / "out.png").exists()

    def test_lines_are_those_of_the_picture_as_it_came_also_where_a_border_is_added(self, photo, run, monkeypatch):
        received = []

        class Recording(GreyEngine):
            def complete(self, pixels, mask, sources, options, **more):
                received.append(options.lines)
                return super().complete(pixels, mask, sources, options, **more)

        monkeypatch.setattr(complete, "LocalEngine", lambda model, device, threads: Recording())
        paths = [photo / name for name in ("image.png", "mask.png", "out.png")]

        code, _, _ = run(*paths, "--line", "1,2,30.5,4", "--expand", "6,3,10,4")

        assert (code, received) == (0, [((7.0, 5.0, 36.5, 7.0),)])

    @pytest.mark.parametrize("line", ["", "1,2,3", "1,2", "a,b,c,d", "1,2,3,nan", "0,0,1,9999999", "1;2;3;4"])
    def test_a_line_that_is_none_is_wrong_use(self, photo, run, line):
        code, _, err = run(photo / "image.png", photo / "mask.png", photo / "out.png", "--line", line)

        assert code == 2 and "is no line. Give x and y of each corner" in err
        assert not (photo / "out.png").exists()

    def test_lines_belong_to_one_photograph(self, photo, run):
        code, _, err = run("--batch", photo / "image.png", photo / "mask.png", photo / "out", "--line", "0,0,9,9")

        assert code == 2 and "leave out --batch" in err

    def test_what_is_left_out_of_the_output_is_told(self, photo, run):
        pictures = [Image.fromarray(noise(40, 30, 3)), Image.fromarray(noise(20, 15, 3))]
        pictures[0].save(photo / "phone.jpg", "MPO", save_all=True, append_images=pictures[1:])

        code, _, err = run(photo / "phone.jpg", photo / "mask.png", photo / "out.jpg")

        assert code == 0
        assert err.startswith(f"Note on {photo / 'phone.jpg'}: the JPEG holds further pictures")

    def test_the_image_itself_may_be_replaced(self, photo, run):
        before = read_picture(photo / "image.png").pixels

        code, _, _ = run(photo / "image.png", photo / "mask.png", photo / "image.png")

        assert code == 0
        assert (read_picture(photo / "image.png").pixels[5:15, 5:15] != before[5:15, 5:15]).any()


class TestRefusals:
    def refuse(self, run, folder, *arguments):
        """Runs, expects one sentence on standard error and nothing written; returns the sentence."""
        before = names(folder)
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert err.startswith("Error: ") and err.count("\n") == 1
        assert names(folder) == before
        return err

    @pytest.mark.parametrize(
        ("shape", "value", "sentence"),
        [
            ((20, 40, 1), 255, "the mask has 40 x 20 pixels, but the image"),
            ((40, 30, 1), 255, "They fit when one is turned by 90 degrees"),
            ((30, 40, 1), 0, "the mask is empty: all 1,200 pixels are black"),
            ((30, 40, 1), 255, "the mask is full: none of the 1,200 pixels is black"),
        ],
    )
    def test_a_mask_that_does_not_fit_is_told_with_numbers(self, photo, run, shape, value, sentence):
        write_picture(photo / "bad.png", Picture(np.full(shape, value, np.uint8)))

        err = self.refuse(run, photo, photo / "image.png", photo / "bad.png", photo / "out.png")

        assert sentence in err

    def test_the_output_may_not_replace_the_mask(self, photo, run):
        err = self.refuse(run, photo, photo / "image.png", photo / "mask.png", photo / ".." / photo.name / "mask.png")

        assert "would replace the mask" in err

    def test_a_missing_image_a_damaged_one_and_a_bomb_are_told_apart(self, photo, run):
        (photo / "damaged.png").write_bytes((photo / "image.png").read_bytes()[:500])

        mask, out = photo / "mask.png", photo / "out.png"
        assert "no such file" in self.refuse(run, photo, photo / "nowhere.png", mask, out)
        assert "damaged or cut short" in self.refuse(run, photo, photo / "damaged.png", mask, out)
        bomb = self.refuse(run, photo, photo / "image.png", mask, out, "--max-pixels", 1000)
        assert "1,200 and more than the limit of 1,000" in bomb

    def test_an_output_that_cannot_be_written_is_told_before_the_engine_is_loaded(self, photo, run, monkeypatch):
        def load(model, device, threads):
            raise AssertionError("loaded")

        monkeypatch.setattr(complete, "LocalEngine", load)
        image, mask = photo / "image.png", photo / "mask.png"
        assert "does not exist. Create it first" in self.refuse(run, photo, image, mask, photo / "no" / "out.png")
        assert "'.gif' is no format" in self.refuse(run, photo, image, mask, photo / "out.gif")
        assert "is a folder" in self.refuse(run, photo, image, mask, photo)

    def test_a_daemon_cannot_be_told_how_many_threads_to_use(self, photo, run):
        code, _, err = run(*[photo / name for name in ("image.png", "mask.png", "out.png")], "--daemon", "--threads", 2)

        assert code == 2 and "the daemon was started with" in err

    @pytest.mark.skipif(os.name != "posix", reason="RLIMIT_FSIZE is POSIX")
    def test_a_full_disk_leaves_the_older_output_and_no_temporary_file(self, photo):
        write_picture(photo / "large.png", Picture(noise(200, 150, 3)))
        mask = np.zeros((150, 200, 1), np.uint8)
        mask[50:60, 50:60] = 255
        write_picture(photo / "large-mask.png", Picture(mask))
        (photo / "out.png").write_bytes(b"older")
        before = names(photo)
        script = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from glcic_backend import cli
from glcic_backend.cli import complete
class Copying:
    model_name = device_name = "copying"
    def complete(self, pixels, mask, sources, options, *, linear, progress):
        return pixels.copy()
complete.LocalEngine = lambda model, device, threads: Copying()
resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))
cli.main()
"""
        arguments = ["complete", *[str(photo / name) for name in ("large.png", "large-mask.png", "out.png")]]

        # A record of the lines that were run could not be written, either.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}

        ended = run_python(script, *arguments, environment=environment)

        assert ended.returncode == 2
        assert "could not be written" in ended.stderr and ended.stderr.count("\n") == 1
        assert names(photo) == before
        assert (photo / "out.png").read_bytes() == b"older"

    @pytest.mark.skipif(os.name != "posix", reason="SIGINT to a process is POSIX")
    def test_ctrl_c_ends_with_130_and_writes_nothing(self, photo):
        before = names(photo)
        script = """
import time
from glcic_backend import cli
from glcic_backend.cli import complete
class SlowEngine:
    model_name = device_name = "slow"
    def complete(self, pixels, mask, sources, options, *, linear, progress):
        print("working", flush=True)
        time.sleep(60)
complete.LocalEngine = lambda model, device, threads: SlowEngine()
cli.main()
"""
        arguments = ["complete", *[str(photo / name) for name in ("image.png", "mask.png", "out.png")]]
        process = subprocess.Popen(
            [sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdout.readline() == "working\n"
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)

        assert process.returncode == 130
        assert err.strip() == "Cancelled."
        assert names(photo) == before
