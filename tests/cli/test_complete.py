"""`glcic-backend complete`: photographs from file to file."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from glcic_backend import cli
from glcic_backend.cli import complete
from glcic_backend.errors import DaemonError
from glcic_backend.image_files import Picture, read_picture, write_picture
from glcic_backend.inpainter import Inpainter
from glcic_backend.model_file import ModelInfo, save_model
from glcic_backend.network import CompletionNetwork
from glcic_backend.picture_job import PictureJob, complete_picture

from ..backend.image_samples import exif_block, noise, srgb_profile

_MAIN = "from glcic_backend import cli; cli.main()"

LOSSLESS = [(".png", "uint8"), (".png", "uint16"), (".webp", "uint8"), (".tif", "uint8"), (".tif", "uint16")]
LOSSLESS += [(".tif", "float32")]


class GreyEngine:
    """Fills holes with middle grey by coverage: what goes round an engine can be tested without its seconds."""

    model_name, device_name = "grey", "nowhere"

    def complete(self, pixels, mask, *, blend, linear, progress):
        for stage in ("plan", "network", "blend"):
            progress(stage, 0.0)
            progress(stage, 1.0)
        full = 1.0 if pixels.dtype == np.float32 else np.iinfo(pixels.dtype).max
        share = mask[..., None] / 255
        filled = (1 - share) * pixels + share * (full / 2)
        return np.where(mask[..., None] > 0, filled.astype(pixels.dtype), pixels)


@pytest.fixture
def grey_engine(monkeypatch):
    """The command with `GreyEngine` in the place of the network."""
    monkeypatch.setattr(complete, "LocalEngine", lambda model, device, threads: GreyEngine())


@pytest.fixture
def run(monkeypatch, capsys, grey_engine):
    """Runs the command line in this process; returns exit code, standard output, standard error."""

    def run_command(*arguments):
        monkeypatch.setattr(sys, "argv", ["glcic-backend", "complete", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run_command


@pytest.fixture
def photo(tmp_path):
    """An image of 40 x 30 and a mask with a white square and a grey one, as files."""
    write_picture(tmp_path / "image.png", Picture(noise(40, 30, 3)))
    mask = np.zeros((30, 40, 1), np.uint8)
    mask[5:15, 5:15] = 255
    mask[20:25, 30:35] = 100
    write_picture(tmp_path / "mask.png", Picture(mask))
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


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
            def complete(self, pixels, mask, **options):
                received.update(options)
                return super().complete(pixels, mask, **options)

        def load(model, device, threads):
            received.update(model=model, device=device, threads=threads)
            return Recording()

        monkeypatch.setattr(complete, "LocalEngine", load)
        linear = Picture(noise(40, 30, 3), png_colour={b"gAMA": (100_000).to_bytes(4, "big")})
        write_picture(photo / "linear.png", linear)
        options = ["--model", "some.safetensors", "--device", "cpu", "--threads", 3, "--no-blend"]

        code, _, _ = run(photo / "linear.png", photo / "mask.png", photo / "out.png", *options)

        del received["progress"]
        expected = {"model": Path("some.safetensors"), "device": "cpu", "threads": 3, "blend": False, "linear": True}
        assert (code, received) == (0, expected)

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

    def test_a_daemon_cannot_be_told_which_model_to_use(self, photo, run):
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
    def complete(self, pixels, mask, *, blend, linear, progress):
        return pixels.copy()
complete.LocalEngine = lambda model, device, threads: Copying()
resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))
cli.main()
"""
        arguments = ["complete", *[str(photo / name) for name in ("large.png", "large-mask.png", "out.png")]]

        ended = _python(script, *arguments)

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
    def complete(self, pixels, mask, *, blend, linear, progress):
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


def _python(script, *arguments, environment=None):
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env=environment,
        timeout=120,
    )


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
            def complete(self, pixels, mask, **options):
                if (pixels == noise(40, 30, 3, seed=1)).all():
                    raise ZeroDivisionError("oh")
                return super().complete(pixels, mask, **options)

        monkeypatch.setattr(complete, "LocalEngine", lambda model, device, threads: Failing())

        code, _, err = self.run_batch(run, folders)

        assert code == 1
        assert err == "Failed: b.tif: unexpected ZeroDivisionError: oh\n"
        assert names(folders / "done") == ["a.png", "c.jpg"]

    def test_an_engine_that_cannot_be_had_is_one_error(self, folders, run, monkeypatch):
        def missing():
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


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    """A model of random weights, as a file."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    info = ModelInfo("random", (0.4, 0.5, 0.6), (8, 64), ("rectangle",), "none", "none", "none", "random weights")
    save_model(path, CompletionNetwork(), info)
    return path


class TestRealEngine:
    @pytest.fixture
    def deep_photo(self, tmp_path):
        """A 16-bit image with alpha, larger than what can influence its hole, and a mask; image and mask as arrays."""
        image = noise(388, 360, 4, "uint16")
        mask = np.zeros((360, 388, 1), np.uint8)
        mask[200:210, 170:184] = 255
        mask[210, 170:184] = 77
        write_picture(tmp_path / "deep.tif", Picture(image))
        write_picture(tmp_path / "deep-mask.png", Picture(mask))
        return image, mask[..., 0]

    def test_the_command_gives_what_the_engine_gives(self, tmp_path, deep_photo, model_path):
        image, mask = deep_photo

        report = _complete(tmp_path, "--model", str(model_path), "--device", "cpu")

        found = read_picture(tmp_path / "out.tif").pixels
        expected = Inpainter.load(model_path, device="cpu").complete(image, mask)
        assert (report["model"], report["device"]) == ("random", "cpu")
        assert np.abs(found.astype(int) - expected).max() <= 1
        np.testing.assert_array_equal(found[mask == 0], image[mask == 0])
        assert (found[mask > 0] != image[mask > 0]).any()

    @pytest.mark.skipif(os.name != "posix", reason="SIGTERM to a process is POSIX")
    def test_the_daemon_gives_what_this_process_gives(self, tmp_path, deep_photo, model_path):
        image, mask = deep_photo
        with _daemon(model_path) as environment:
            report = _complete(tmp_path, "--daemon", environment=environment)

        found = read_picture(tmp_path / "out.tif").pixels
        expected = Inpainter.load(model_path, device="cpu").complete(image, mask)
        assert (report["model"], report["device"]) == ("random", "cpu")
        # Sums of float32 in another order can differ by a step of 16 bits or two.
        assert np.abs(found.astype(int) - expected).max() <= 2
        np.testing.assert_array_equal(found[mask == 0], image[mask == 0])

    def test_without_a_daemon_the_sentence_says_how_to_start_one(self, tmp_path, deep_photo):
        with tempfile.TemporaryDirectory() as home:
            ended = _run_complete(tmp_path, "--daemon", environment={**os.environ, "GLCIC_HOME": home})

        assert ended.returncode == 2
        assert "glcic-backend serve" in ended.stderr and ended.stderr.count("\n") == 1
        assert not (tmp_path / "out.tif").exists()


def _run_complete(folder, *options, environment=None):
    arguments = ["complete", *[str(folder / name) for name in ("deep.tif", "deep-mask.png", "out.tif")], "--json"]
    return _python(_MAIN, *arguments, *options, environment=environment)


def _complete(folder, *options, environment=None):
    """Runs the command in a process of its own; returns its report."""
    ended = _run_complete(folder, *options, environment=environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


@contextlib.contextmanager
def _daemon(model_path):
    """A running daemon; gives the environment in which it is found."""
    # The path of a Unix socket has to be short.
    with tempfile.TemporaryDirectory(prefix="glcic") as home:
        environment = {**os.environ, "GLCIC_HOME": home}
        arguments = [sys.executable, "-c", _MAIN, "serve", "--model", str(model_path), "--device", "cpu"]
        process = subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True)
        with process:
            first = process.stderr.readline()
            assert "ready" in first, first + process.stderr.read()
            try:
                yield environment
            finally:
                process.terminate()
